package volumes

import (
	"context"
	"reflect"
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// kind makes one kind of volume ready.
type kind interface {
	// matches says whether the source is of this kind.
	matches(source *v1.VolumeSource) bool
	// plugin names the directory of this kind below a pod's "volumes"; empty when the kind keeps nothing there.
	plugin() string
	// setup makes the volume ready; it is idempotent.
	setup(ctx context.Context, r *request) (podstate.VolumePath, error)
}

// refresher is a kind whose content follows something outside the pod.
type refresher interface {
	refresh(ctx context.Context, r *request) error
}

// request is one volume of one pod.
type request struct {
	pod    *v1.Pod
	volume *v1.Volume
	// dir is where the volume lies on the host; empty when plugin() is.
	dir string
}

// kinds lists every kind of volume that this kubelet makes.
func kinds(cfg Config, tokens *tokens) []kind {
	content := projector{objects: cfg.Objects, node: cfg.Node, tokens: tokens}
	return []kind{
		emptyDir{mounter: cfg.Mounter, node: cfg.Node},
		hostPath{},
		image{},
		content.kind("kubernetes.io~configmap", onDisk, cfg.Mounter,
			func(s *v1.VolumeSource) bool { return s.ConfigMap != nil }, configMapVolume),
		content.kind("kubernetes.io~secret", inMemory, cfg.Mounter,
			func(s *v1.VolumeSource) bool { return s.Secret != nil }, secretVolume),
		content.kind("kubernetes.io~downward-api", inMemory, cfg.Mounter,
			func(s *v1.VolumeSource) bool { return s.DownwardAPI != nil }, downwardVolume),
		content.kind("kubernetes.io~projected", inMemory, cfg.Mounter,
			func(s *v1.VolumeSource) bool { return s.Projected != nil }, projectedVolume),
	}
}

// sourceName is the field of the volume source that is set, as it is spelled in YAML.
func sourceName(source *v1.VolumeSource) string {
	value := reflect.ValueOf(source).Elem()
	for i := range value.NumField() {
		if field := value.Field(i); field.Kind() == reflect.Pointer && !field.IsNil() {
			name, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
			return name
		}
	}
	return "(none)"
}
