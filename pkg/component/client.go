package component

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// ClientConfig reads a kubeconfig file, or the service account of the pod if path is empty. master overrides the
// server's address. There is no rate limit: the server has its own.
func ClientConfig(master, path, userAgent string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags(master, path)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig %q: %w", path, err)
	}
	config.QPS = -1
	config.UserAgent = rest.DefaultKubernetesUserAgent() + "/" + userAgent
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return config, nil
}

// Client returns a client for ClientConfig.
func Client(master, path, userAgent string) (kubernetes.Interface, *rest.Config, error) {
	config, err := ClientConfig(master, path, userAgent)
	if err != nil {
		return nil, nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("make client of %q: %w", path, err)
	}
	return client, config, nil
}
