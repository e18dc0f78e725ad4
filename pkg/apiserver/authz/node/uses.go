package node

import (
	"iter"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// usesSecret reports whether the pod needs the secret of that name in its namespace.
func usesSecret(p *corev1.Pod, name string) bool {
	for _, r := range p.Spec.ImagePullSecrets {
		if r.Name == name {
			return true
		}
	}
	for _, v := range p.Spec.Volumes {
		if slices.Contains(volumeSecrets(&v), name) {
			return true
		}
	}
	for e := range envOf(p) {
		if e.from != nil && e.from.SecretRef != nil && e.from.SecretRef.Name == name ||
			e.value != nil && e.value.SecretKeyRef != nil && e.value.SecretKeyRef.Name == name {
			return true
		}
	}
	return false
}

// volumeSecrets are the secrets in the pod's namespace that a volume needs.
func volumeSecrets(v *corev1.Volume) []string {
	var names []string
	local := func(r *corev1.LocalObjectReference) {
		if r != nil {
			names = append(names, r.Name)
		}
	}
	switch {
	case v.Secret != nil:
		names = append(names, v.Secret.SecretName)
	case v.Projected != nil:
		for _, s := range v.Projected.Sources {
			if s.Secret != nil {
				names = append(names, s.Secret.Name)
			}
		}
	case v.CSI != nil:
		local(v.CSI.NodePublishSecretRef)
	case v.AzureFile != nil:
		names = append(names, v.AzureFile.SecretName)
	case v.CephFS != nil:
		local(v.CephFS.SecretRef)
	case v.Cinder != nil:
		local(v.Cinder.SecretRef)
	case v.FlexVolume != nil:
		local(v.FlexVolume.SecretRef)
	case v.ISCSI != nil:
		local(v.ISCSI.SecretRef)
	case v.RBD != nil:
		local(v.RBD.SecretRef)
	case v.ScaleIO != nil:
		local(v.ScaleIO.SecretRef)
	case v.StorageOS != nil:
		local(v.StorageOS.SecretRef)
	}
	return names
}

// usesConfigMap reports whether the pod needs the config map of that name in its namespace.
func usesConfigMap(p *corev1.Pod, name string) bool {
	for _, v := range p.Spec.Volumes {
		if v.ConfigMap != nil && v.ConfigMap.Name == name {
			return true
		}
		if v.Projected != nil {
			for _, s := range v.Projected.Sources {
				if s.ConfigMap != nil && s.ConfigMap.Name == name {
					return true
				}
			}
		}
	}
	for e := range envOf(p) {
		if e.from != nil && e.from.ConfigMapRef != nil && e.from.ConfigMapRef.Name == name ||
			e.value != nil && e.value.ConfigMapKeyRef != nil && e.value.ConfigMapKeyRef.Name == name {
			return true
		}
	}
	return false
}

func usesClaim(p *corev1.Pod, name string) bool {
	for claim := range claimsOf(p) {
		if claim == name {
			return true
		}
	}
	return false
}

// claimsOf yields the names of the persistent volume claims of the pod, ephemeral ones included.
func claimsOf(p *corev1.Pod) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, v := range p.Spec.Volumes {
			if v.PersistentVolumeClaim != nil && !yield(v.PersistentVolumeClaim.ClaimName) ||
				v.Ephemeral != nil && !yield(p.Name+"-"+v.Name) {
				return
			}
		}
	}
}

func usesResourceClaim(p *corev1.Pod, name string) bool {
	for _, c := range p.Spec.ResourceClaims {
		if c.ResourceClaimName != nil && *c.ResourceClaimName == name {
			return true
		}
	}
	for _, s := range p.Status.ResourceClaimStatuses {
		if s.ResourceClaimName != nil && *s.ResourceClaimName == name {
			return true
		}
	}
	return false
}

// env is one source of a container's environment: either field is set.
type env struct {
	from  *corev1.EnvFromSource
	value *corev1.EnvVarSource
}

// envOf yields every source of the environment of every container of the pod.
func envOf(p *corev1.Pod) iter.Seq[env] {
	return func(yield func(env) bool) {
		each := func(from []corev1.EnvFromSource, values []corev1.EnvVar) bool {
			for i := range from {
				if !yield(env{from: &from[i]}) {
					return false
				}
			}
			for i := range values {
				if values[i].ValueFrom != nil && !yield(env{value: values[i].ValueFrom}) {
					return false
				}
			}
			return true
		}
		for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
			if !each(c.EnvFrom, c.Env) {
				return
			}
		}
		for _, c := range p.Spec.EphemeralContainers {
			if !each(c.EnvFrom, c.Env) {
				return
			}
		}
	}
}

// secretsOf are the secrets that a kubelet needs to use a volume, of whatever namespace.
func secretsOf(v *corev1.PersistentVolume) []corev1.SecretReference {
	var out []corev1.SecretReference
	add := func(refs ...*corev1.SecretReference) {
		for _, r := range refs {
			if r != nil {
				out = append(out, *r)
			}
		}
	}
	source := &v.Spec.PersistentVolumeSource
	switch {
	case source.CSI != nil:
		add(source.CSI.NodeStageSecretRef, source.CSI.NodePublishSecretRef, source.CSI.NodeExpandSecretRef)
	case source.ISCSI != nil:
		add(source.ISCSI.SecretRef)
	case source.FlexVolume != nil:
		add(source.FlexVolume.SecretRef)
	case source.CephFS != nil:
		add(source.CephFS.SecretRef)
	case source.RBD != nil:
		add(source.RBD.SecretRef)
	case source.Cinder != nil:
		add(source.Cinder.SecretRef)
	case source.ScaleIO != nil:
		add(source.ScaleIO.SecretRef)
	case source.AzureFile != nil:
		ref := corev1.SecretReference{Name: source.AzureFile.SecretName}
		if ns := source.AzureFile.SecretNamespace; ns != nil && *ns != "" {
			ref.Namespace = *ns
		} else if v.Spec.ClaimRef != nil {
			ref.Namespace = v.Spec.ClaimRef.Namespace
		}
		out = append(out, ref)
	}
	// A reference without namespace means that of the claim.
	for i := range out {
		if out[i].Namespace == "" && v.Spec.ClaimRef != nil {
			out[i].Namespace = v.Spec.ClaimRef.Namespace
		}
	}
	return out
}
