package node

import corev1 "k8s.io/api/core/v1"

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
