package objects

import (
	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/pods"
)

// Names says whether the pod names the object of its own namespace, in volumes, environments or as a pull secret.
func Names(pod *v1.Pod, kind Kind, name string) bool {
	for r := range references(pod) {
		if r.kind == kind && r.name == name {
			return true
		}
	}
	return false
}

type reference struct {
	kind Kind
	name string
}

// references lists every object that the pod names.
func references(pod *v1.Pod) map[reference]bool {
	refs := map[reference]bool{}
	add := func(kind Kind, name string) {
		if name != "" {
			refs[reference{kind, name}] = true
		}
	}
	for _, s := range pod.Spec.ImagePullSecrets {
		add(Secret, s.Name)
	}
	for i := range pod.Spec.Volumes {
		volumeReferences(&pod.Spec.Volumes[i], add)
	}
	for c := range pods.AllContainers(pod) {
		for _, f := range c.EnvFrom {
			if f.ConfigMapRef != nil {
				add(ConfigMap, f.ConfigMapRef.Name)
			}
			if f.SecretRef != nil {
				add(Secret, f.SecretRef.Name)
			}
		}
		for _, e := range c.Env {
			if e.ValueFrom == nil {
				continue
			}
			if r := e.ValueFrom.ConfigMapKeyRef; r != nil {
				add(ConfigMap, r.Name)
			}
			if r := e.ValueFrom.SecretKeyRef; r != nil {
				add(Secret, r.Name)
			}
		}
	}
	return refs
}

func volumeReferences(v *v1.Volume, add func(Kind, string)) {
	if v.ConfigMap != nil {
		add(ConfigMap, v.ConfigMap.Name)
	}
	if v.Secret != nil {
		add(Secret, v.Secret.SecretName)
	}
	if v.CSI != nil && v.CSI.NodePublishSecretRef != nil {
		add(Secret, v.CSI.NodePublishSecretRef.Name)
	}
	if v.Projected == nil {
		return
	}
	for _, s := range v.Projected.Sources {
		if s.ConfigMap != nil {
			add(ConfigMap, s.ConfigMap.Name)
		}
		if s.Secret != nil {
			add(Secret, s.Secret.Name)
		}
	}
}
