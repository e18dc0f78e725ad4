package node

import (
	"iter"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Reference is an API object that a pod names: of the pod's own namespace, or of none if its kind has none.
type Reference struct{ Resource, Name string }

// Resources of references.
const (
	secrets               = "secrets"
	configMaps            = "configmaps"
	serviceAccounts       = "serviceaccounts"
	claims                = "persistentvolumeclaims"
	resourceClaims        = "resourceclaims"
	resourceClaimTemplate = "resourceclaimtemplates"
	endpoints             = "endpoints"
	trustBundles          = "clustertrustbundles"
	podCertificates       = "podcertificaterequests"
	podGroups             = "podgroups"
)

// References yields every API object that the pod's kubelet needs to run it. A pod names others besides, which only other
// components read: its node, priority class and runtime class, and the pods that affinity selects.
func References(p *corev1.Pod) iter.Seq[Reference] {
	return func(yield func(Reference) bool) {
		for _, part := range []iter.Seq[Reference]{identity(p), devices(p), volumes(p), environment(p)} {
			for r := range part {
				if r.Name != "" && !yield(r) {
					return
				}
			}
		}
	}
}

// uses reports whether the pod names the object.
func uses(p *corev1.Pod, wanted Reference) bool {
	for r := range References(p) {
		if r == wanted {
			return true
		}
	}
	return false
}

// identity yields what the pod is known by: to the API, to registries, to the scheduler.
func identity(p *corev1.Pod) iter.Seq[Reference] {
	out := []Reference{{serviceAccounts, p.Spec.ServiceAccountName}, {serviceAccounts, p.Spec.DeprecatedServiceAccount}}
	for _, r := range p.Spec.ImagePullSecrets {
		out = append(out, Reference{secrets, r.Name})
	}
	if g := p.Spec.SchedulingGroup; g != nil && g.PodGroupName != nil {
		out = append(out, Reference{podGroups, *g.PodGroupName})
	}
	return slices.Values(out)
}

// devices yields the claims by which the pod gets devices.
func devices(p *corev1.Pod) iter.Seq[Reference] {
	var out []Reference
	add := func(resource string, name *string) {
		if name != nil {
			out = append(out, Reference{resource, *name})
		}
	}
	for _, c := range p.Spec.ResourceClaims {
		add(resourceClaims, c.ResourceClaimName)
		add(resourceClaimTemplate, c.ResourceClaimTemplateName)
	}
	for _, s := range p.Status.ResourceClaimStatuses {
		add(resourceClaims, s.ResourceClaimName)
	}
	if s := p.Status.ExtendedResourceClaimStatus; s != nil {
		add(resourceClaims, &s.ResourceClaimName)
	}
	return slices.Values(out)
}

func volumes(p *corev1.Pod) iter.Seq[Reference] {
	return func(yield func(Reference) bool) {
		for i := range p.Spec.Volumes {
			for _, r := range volumeReferences(p.Name, &p.Spec.Volumes[i]) {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// volumeReferences are the objects that a volume of a pod of that name needs.
func volumeReferences(pod string, v *corev1.Volume) []Reference {
	switch {
	case v.Secret != nil:
		return []Reference{{secrets, v.Secret.SecretName}}
	case v.ConfigMap != nil:
		return []Reference{{configMaps, v.ConfigMap.Name}}
	case v.PersistentVolumeClaim != nil:
		return []Reference{{claims, v.PersistentVolumeClaim.ClaimName}}
	case v.Ephemeral != nil:
		return []Reference{{claims, pod + "-" + v.Name}}
	case v.Projected != nil:
		return projectedReferences(v.Projected)
	case v.Glusterfs != nil:
		return []Reference{{endpoints, v.Glusterfs.EndpointsName}}
	}
	return []Reference{{secrets, driverSecret(v)}}
}

// driverSecret is the secret that the driver of a volume needs, or "".
func driverSecret(v *corev1.Volume) string {
	var ref *corev1.LocalObjectReference
	switch {
	case v.AzureFile != nil:
		return v.AzureFile.SecretName
	case v.CSI != nil:
		ref = v.CSI.NodePublishSecretRef
	case v.CephFS != nil:
		ref = v.CephFS.SecretRef
	case v.Cinder != nil:
		ref = v.Cinder.SecretRef
	case v.FlexVolume != nil:
		ref = v.FlexVolume.SecretRef
	case v.ISCSI != nil:
		ref = v.ISCSI.SecretRef
	case v.RBD != nil:
		ref = v.RBD.SecretRef
	case v.ScaleIO != nil:
		ref = v.ScaleIO.SecretRef
	case v.StorageOS != nil:
		ref = v.StorageOS.SecretRef
	}
	if ref == nil {
		return ""
	}
	return ref.Name
}

func projectedReferences(v *corev1.ProjectedVolumeSource) []Reference {
	var out []Reference
	for _, s := range v.Sources {
		switch {
		case s.Secret != nil:
			out = append(out, Reference{secrets, s.Secret.Name})
		case s.ConfigMap != nil:
			out = append(out, Reference{configMaps, s.ConfigMap.Name})
		case s.ServiceAccountToken != nil:
			out = append(out, Reference{serviceAccounts, anyName})
		case s.PodCertificate != nil:
			out = append(out, Reference{podCertificates, s.PodCertificate.SignerName})
		case s.ClusterTrustBundle != nil:
			out = append(out, trustBundle(s.ClusterTrustBundle))
		}
	}
	return out
}

// anyName stands for an object that the volume does not name itself: the token of whatever account the pod has. It is no
// object's name.
const anyName = "*"

func trustBundle(s *corev1.ClusterTrustBundleProjection) Reference {
	switch {
	case s.Name != nil:
		return Reference{trustBundles, *s.Name}
	case s.SignerName != nil:
		return Reference{trustBundles, *s.SignerName}
	}
	return Reference{}
}

// environment yields where the variables of the pod's containers come from.
func environment(p *corev1.Pod) iter.Seq[Reference] {
	return func(yield func(Reference) bool) {
		each := func(from []corev1.EnvFromSource, values []corev1.EnvVar) bool {
			for i := range from {
				if r := sourceOf(&from[i]); !yield(r) {
					return false
				}
			}
			for i := range values {
				if r := valueOf(values[i].ValueFrom); !yield(r) {
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

func sourceOf(s *corev1.EnvFromSource) Reference {
	switch {
	case s.SecretRef != nil:
		return Reference{secrets, s.SecretRef.Name}
	case s.ConfigMapRef != nil:
		return Reference{configMaps, s.ConfigMapRef.Name}
	}
	return Reference{}
}

func valueOf(s *corev1.EnvVarSource) Reference {
	switch {
	case s == nil:
	case s.SecretKeyRef != nil:
		return Reference{secrets, s.SecretKeyRef.Name}
	case s.ConfigMapKeyRef != nil:
		return Reference{configMaps, s.ConfigMapKeyRef.Name}
	}
	return Reference{}
}
