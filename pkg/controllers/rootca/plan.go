package rootca

import (
	"maps"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// Name of the ConfigMap in each namespace.
	Name = "kube-root-ca.crt"
	// descriptionAnnotation and description are as every cluster shows them.
	descriptionAnnotation = "kubernetes.io/description"
	description           = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. " +
		"No other usage is guaranteed across distributions of Kubernetes clusters."
)

// outcome is what a plan asks for: one of the two, or nothing.
type outcome struct{ create, update *v1.ConfigMap }

// plan makes current (nil when there is none) hold the bundle in an active namespace.
func plan(namespace *v1.Namespace, current *v1.ConfigMap, bundle string) outcome {
	if namespace.Status.Phase == v1.NamespaceTerminating || namespace.DeletionTimestamp != nil {
		return outcome{}
	}
	data := map[string]string{"ca.crt": bundle}
	if current == nil {
		return outcome{create: &v1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace.Name, Name: Name, Annotations: map[string]string{descriptionAnnotation: description},
			},
			Data: data,
		}}
	}
	if maps.Equal(current.Data, data) && len(current.BinaryData) == 0 && current.Annotations[descriptionAnnotation] != "" {
		return outcome{}
	}
	changed := current.DeepCopy()
	changed.Data, changed.BinaryData = data, nil
	if changed.Annotations[descriptionAnnotation] == "" {
		metav1.SetMetaDataAnnotation(&changed.ObjectMeta, descriptionAnnotation, description)
	}
	return outcome{update: changed}
}
