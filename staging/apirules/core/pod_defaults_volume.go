package core

import (
	v1 "k8s.io/api/core/v1"
)

// Defaults of projected tokens and certificates, in seconds.
const (
	defaultTokenExpiration       int64 = 3600
	defaultCertificateExpiration int32 = 86400
)

func setVolumeDefaults(v *v1.Volume) {
	if v.VolumeSource == (v1.VolumeSource{}) {
		v.EmptyDir = &v1.EmptyDirVolumeSource{}
	}
	setFileVolumeDefaults(&v.VolumeSource)
	if v.HostPath != nil {
		orElsePtr(&v.HostPath.Type, v1.HostPathUnset)
	}
	if v.ISCSI != nil {
		orElse(&v.ISCSI.ISCSIInterface, "default")
	}
	if v.RBD != nil {
		setRBDDefaults(&v.RBD.RBDPool, &v.RBD.RadosUser, &v.RBD.Keyring)
	}
	if v.ScaleIO != nil {
		orElse(&v.ScaleIO.StorageMode, "ThinProvisioned")
		orElse(&v.ScaleIO.FSType, "xfs")
	}
	setAzureDiskDefaults(v.AzureDisk)
	if v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil {
		SetPersistentVolumeClaimSpecDefaults(&v.Ephemeral.VolumeClaimTemplate.Spec)
	}
	if v.Image != nil {
		orElse(&v.Image.PullPolicy, pullPolicyFor(v.Image.Reference))
	}
}

// setFileVolumeDefaults is for the sources that the kubelet writes as files.
func setFileVolumeDefaults(v *v1.VolumeSource) {
	if v.Secret != nil {
		orElsePtr(&v.Secret.DefaultMode, v1.SecretVolumeSourceDefaultMode)
	}
	if v.ConfigMap != nil {
		orElsePtr(&v.ConfigMap.DefaultMode, v1.ConfigMapVolumeSourceDefaultMode)
	}
	if v.DownwardAPI != nil {
		orElsePtr(&v.DownwardAPI.DefaultMode, v1.DownwardAPIVolumeSourceDefaultMode)
		setDownwardFileDefaults(v.DownwardAPI.Items)
	}
	if v.Projected == nil {
		return
	}
	orElsePtr(&v.Projected.DefaultMode, v1.ProjectedVolumeSourceDefaultMode)
	for i := range v.Projected.Sources {
		s := &v.Projected.Sources[i]
		if s.DownwardAPI != nil {
			setDownwardFileDefaults(s.DownwardAPI.Items)
		}
		if s.ServiceAccountToken != nil {
			orElsePtr(&s.ServiceAccountToken.ExpirationSeconds, defaultTokenExpiration)
		}
		if s.PodCertificate != nil {
			orElsePtr(&s.PodCertificate.MaxExpirationSeconds, defaultCertificateExpiration)
		}
	}
}

func setDownwardFileDefaults(files []v1.DownwardAPIVolumeFile) {
	for i := range files {
		setFieldRefDefaults(files[i].FieldRef)
	}
}

func setRBDDefaults(pool, user, keyring *string) {
	orElse(pool, "rbd")
	orElse(user, "admin")
	orElse(keyring, "/etc/ceph/keyring")
}

func setAzureDiskDefaults(d *v1.AzureDiskVolumeSource) {
	if d == nil {
		return
	}
	orElsePtr(&d.CachingMode, v1.AzureDataDiskCachingReadWrite)
	orElsePtr(&d.Kind, v1.AzureSharedBlobDisk)
	orElsePtr(&d.FSType, "ext4")
	orElsePtr(&d.ReadOnly, false)
}
