package manifests

import (
	"fmt"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/pods"
)

// checkReferences refuses a static pod that names objects of the API (feature gate PreventStaticPodAPIReferences): its node runs it
// before the API server is reached, nobody has checked that it may see them, and its mirror could not be made.
func checkReferences(pod *v1.Pod) error {
	refuse := func(what string, named bool) error {
		if !named {
			return nil
		}
		return fmt.Errorf("static pods may not reference %s", what)
	}
	s := &pod.Spec
	if err := refuse("serviceaccounts", s.ServiceAccountName != ""); err != nil {
		return err
	}
	if err := refuse("resourceclaims", len(s.ResourceClaims) > 0); err != nil {
		return err
	}
	if err := refuse("secrets (imagePullSecrets)", len(s.ImagePullSecrets) > 0); err != nil {
		return err
	}
	for i := range s.Volumes {
		if what := volumeObjects(&s.Volumes[i].VolumeSource); what != "" {
			return fmt.Errorf("volume %q: %w", s.Volumes[i].Name, refuse(what, true))
		}
	}
	for c := range pods.AllContainers(pod) {
		if what := envObjects(c); what != "" {
			return fmt.Errorf("container %q: %w", c.Name, refuse(what, true))
		}
	}
	return nil
}

// volumeObjects says which sort of object a volume is made of, "" for none.
func volumeObjects(v *v1.VolumeSource) string {
	switch {
	case v.Secret != nil:
		return "secrets"
	case v.ConfigMap != nil:
		return "configmaps"
	case v.PersistentVolumeClaim != nil, v.Ephemeral != nil:
		return "persistentvolumeclaims"
	case v.CSI != nil && v.CSI.NodePublishSecretRef != nil, v.ISCSI != nil && v.ISCSI.SecretRef != nil, v.CephFS != nil && v.CephFS.SecretRef != nil,
		v.RBD != nil && v.RBD.SecretRef != nil, v.FlexVolume != nil && v.FlexVolume.SecretRef != nil, v.ScaleIO != nil && v.ScaleIO.SecretRef != nil,
		v.StorageOS != nil && v.StorageOS.SecretRef != nil, v.Cinder != nil && v.Cinder.SecretRef != nil, v.AzureFile != nil:
		return "secrets"
	case v.Projected == nil:
		return ""
	}
	for _, source := range v.Projected.Sources {
		switch {
		case source.Secret != nil:
			return "secrets"
		case source.ConfigMap != nil:
			return "configmaps"
		case source.ServiceAccountToken != nil:
			return "serviceaccounts"
		case source.ClusterTrustBundle != nil:
			return "clustertrustbundles"
		case source.PodCertificate != nil:
			return "podcertificates"
		}
	}
	return ""
}

// envObjects says which sort of object the container's environment is made of, "" for none.
func envObjects(c *v1.Container) string {
	for _, from := range c.EnvFrom {
		switch {
		case from.SecretRef != nil:
			return "secrets"
		case from.ConfigMapRef != nil:
			return "configmaps"
		}
	}
	for _, env := range c.Env {
		switch from := env.ValueFrom; {
		case from == nil:
		case from.SecretKeyRef != nil:
			return "secrets"
		case from.ConfigMapKeyRef != nil:
			return "configmaps"
		}
	}
	return ""
}
