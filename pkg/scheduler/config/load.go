package config

import (
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"sigs.k8s.io/yaml"
)

// codecs reads the kinds of the group strictly: an unknown field is a fault.
func codecs() (serializer.CodecFactory, error) {
	scheme := runtime.NewScheme()
	if err := configv1.AddToScheme(scheme); err != nil {
		return serializer.CodecFactory{}, fmt.Errorf("register %s: %w", configv1.SchemeGroupVersion, err)
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict), nil
}

// LoadFile reads a KubeSchedulerConfiguration in YAML or JSON and sets its defaults.
func LoadFile(path string) (*configv1.KubeSchedulerConfiguration, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read scheduler configuration: %w", err)
	}
	cfg, err := Load(data)
	if err != nil {
		return nil, fmt.Errorf("load scheduler configuration %q: %w", path, err)
	}
	return cfg, nil
}

// Load reads a KubeSchedulerConfiguration in YAML or JSON and sets its defaults.
func Load(data []byte) (*configv1.KubeSchedulerConfiguration, error) {
	codecs, err := codecs()
	if err != nil {
		return nil, err
	}
	// The decoder fills in embedded plugin arguments too.
	obj, kind, err := codecs.UniversalDeserializer().Decode(data, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	cfg, ok := obj.(*configv1.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("decode: got %s, want KubeSchedulerConfiguration", kind)
	}
	if err := cfg.DecodeNestedObjects(codecs.UniversalDeserializer()); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return cfg, Default(cfg)
}

// Marshal is the YAML form of a configuration, as Load reads it.
func Marshal(cfg *configv1.KubeSchedulerConfiguration) ([]byte, error) {
	codecs, err := codecs()
	if err != nil {
		return nil, err
	}
	info, ok := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), runtime.ContentTypeJSON)
	if !ok {
		return nil, fmt.Errorf("encode: no serializer for %s", runtime.ContentTypeJSON)
	}
	encoder := codecs.EncoderForVersion(info.Serializer, configv1.SchemeGroupVersion)
	cfg = cfg.DeepCopy()
	if err := cfg.EncodeNestedObjects(encoder); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	data, err := runtime.Encode(encoder, cfg)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return yaml.JSONToYAML(data)
}
