package core

import (
	"path"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// SetPersistentVolumeDefaults fills phase, reclaim policy, volume mode and what the source leaves unset.
func SetPersistentVolumeDefaults(pv *v1.PersistentVolume) {
	orElse(&pv.Status.Phase, v1.VolumePending)
	orElse(&pv.Spec.PersistentVolumeReclaimPolicy, v1.PersistentVolumeReclaimRetain)
	orElsePtr(&pv.Spec.VolumeMode, v1.PersistentVolumeFilesystem)
	roundResources(pv.Spec.Capacity)
	s := &pv.Spec.PersistentVolumeSource
	if s.HostPath != nil {
		orElsePtr(&s.HostPath.Type, v1.HostPathUnset)
	}
	if s.ISCSI != nil {
		orElse(&s.ISCSI.ISCSIInterface, "default")
	}
	if s.RBD != nil {
		setRBDDefaults(&s.RBD.RBDPool, &s.RBD.RadosUser, &s.RBD.Keyring)
	}
	if s.ScaleIO != nil {
		orElse(&s.ScaleIO.StorageMode, "ThinProvisioned")
		orElse(&s.ScaleIO.FSType, "xfs")
	}
	setAzureDiskDefaults(s.AzureDisk)
}

// ValidatePersistentVolume reports faults of a new volume.
func ValidatePersistentVolume(pv *v1.PersistentVolume) field.ErrorList {
	return persistentVolume(pv, false)
}

// persistentVolume rules a volume; anyNodeValue keeps a stored node affinity with odd values.
func persistentVolume(pv *v1.PersistentVolume, anyNodeValue bool) field.ErrorList {
	errs := meta.ClusterScoped(&pv.ObjectMeta, meta.SubdomainName)
	p, s := field.NewPath("spec"), &pv.Spec
	errs = append(errs, persistentVolumeSpec(s, anyNodeValue, p)...)
	errs = append(errs, volumeCapacity(s.Capacity, p.Child("capacity"))...)
	if s.PersistentVolumeReclaimPolicy != "" {
		errs = append(errs, meta.In(s.PersistentVolumeReclaimPolicy, p.Child("persistentVolumeReclaimPolicy"),
			v1.PersistentVolumeReclaimDelete, v1.PersistentVolumeReclaimRecycle, v1.PersistentVolumeReclaimRetain)...)
	}
	if s.HostPath != nil && path.Clean(s.HostPath.Path) == "/" && s.PersistentVolumeReclaimPolicy == v1.PersistentVolumeReclaimRecycle {
		errs = append(errs, field.Forbidden(p.Child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'"))
	}
	if s.StorageClassName != "" {
		errs = append(errs, meta.Invalid(s.StorageClassName, p.Child("storageClassName"), validation.IsDNS1123Subdomain(s.StorageClassName))...)
	}
	return append(errs, volumeAttributesClass(s, p)...)
}

// persistentVolumeSpec rules what a volume has that exists and one that is part of another object.
func persistentVolumeSpec(s *v1.PersistentVolumeSpec, anyNodeValue bool, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(s.AccessModes) == 0 {
		errs = append(errs, field.Required(p.Child("accessModes"), ""))
	} else {
		errs = append(errs, accessModes(s.AccessModes, p.Child("accessModes"))...)
	}
	if s.NodeAffinity != nil {
		errs = append(errs, volumeNodeAffinity(s.NodeAffinity, anyNodeValue, p.Child("nodeAffinity"))...)
	}
	errs = append(errs, persistentVolumeSource(s, p)...)
	if s.VolumeMode != nil {
		errs = append(errs, meta.In(*s.VolumeMode, p.Child("volumeMode"), v1.PersistentVolumeBlock, v1.PersistentVolumeFilesystem)...)
	}
	return errs
}

// InlinePersistentVolume reports faults of a volume's spec within an attachment at p, which is of a CSI driver and has
// nothing of the dealings with claims.
func InlinePersistentVolume(s *v1.PersistentVolumeSpec, p *field.Path) field.ErrorList {
	errs := persistentVolumeSpec(s, false, p)
	forbid := func(set bool, name, words string) {
		if set {
			errs = append(errs, field.Forbidden(p.Child(name), words))
		}
	}
	const words = "may not be specified in the context of inline volumes"
	forbid(s.ClaimRef != nil, "claimRef", words)
	forbid(len(s.Capacity) != 0, "capacity", words)
	forbid(s.PersistentVolumeReclaimPolicy != "", "persistentVolumeReclaimPolicy", words)
	forbid(s.StorageClassName != "", "storageClassName", words)
	forbid(s.VolumeAttributesClassName != nil, "volumeAttributesClassName", words)
	if s.CSI == nil {
		errs = append(errs, field.Required(p.Child("csi"), "has to be specified in the context of inline volumes"))
	}
	return errs
}

func volumeCapacity(capacity v1.ResourceList, p *field.Path) field.ErrorList {
	if len(capacity) == 0 {
		return field.ErrorList{field.Required(p, "")}
	}
	var errs field.ErrorList
	if _, ok := capacity[v1.ResourceStorage]; !ok || len(capacity) > 1 {
		errs = append(errs, field.NotSupported(p, capacity, []v1.ResourceName{v1.ResourceStorage}))
	}
	for _, name := range sortedNames(capacity) {
		np, q := p.Key(string(name)), capacity[name]
		errs = append(errs, resourceName(name, np)...)
		if q.Sign() <= 0 {
			errs = append(errs, field.Invalid(np, q.String(), meta.MustBePositive))
		}
	}
	return errs
}

func volumeNodeAffinity(a *v1.VolumeNodeAffinity, anyValue bool, p *field.Path) field.ErrorList {
	if a.Required == nil {
		return field.ErrorList{field.Required(p.Child("required"), "must specify required node constraints")}
	}
	return NodeSelector(a.Required, anyValue, p.Child("required"))
}

func volumeAttributesClass(s *v1.PersistentVolumeSpec, p *field.Path) field.ErrorList {
	v := s.VolumeAttributesClassName
	if v == nil {
		return nil
	}
	vp := p.Child("volumeAttributesClassName")
	if *v == "" {
		return field.ErrorList{field.Required(vp, "an empty string is disallowed")}
	}
	errs := meta.Invalid(*v, vp, validation.IsDNS1123Subdomain(*v))
	if s.CSI == nil {
		errs = append(errs, field.Required(p.Child("csi"), "has to be specified when using volumeAttributesClassName"))
	}
	return errs
}

// persistentVolumeSource wants exactly one source and rules it.
func persistentVolumeSource(s *v1.PersistentVolumeSpec, p *field.Path) field.ErrorList {
	sources := persistentSources(s)
	if len(sources) == 0 {
		return field.ErrorList{field.Required(p, "must specify a volume type")}
	}
	errs := sources[0].rules(p.Child(sources[0].name))
	for _, source := range sources[1:] {
		errs = append(errs, field.Forbidden(p.Child(source.name), "may not specify more than 1 volume type"))
	}
	return errs
}

func persistentSources(s *v1.PersistentVolumeSpec) []sourceRule {
	var l []sourceRule
	addSource(&l, "hostPath", s.HostPath, hostPath)
	addSource(&l, "gcePersistentDisk", s.GCEPersistentDisk, gcePersistentDisk)
	addSource(&l, "awsElasticBlockStore", s.AWSElasticBlockStore, awsElasticBlockStore)
	addSource(&l, "glusterfs", s.Glusterfs, glusterfsVolume)
	addSource(&l, "flocker", s.Flocker, flocker)
	addSource(&l, "nfs", s.NFS, nfs)
	addSource(&l, "rbd", s.RBD, func(c *v1.RBDPersistentVolumeSource, p *field.Path) field.ErrorList {
		return rbd(c.CephMonitors, c.RBDImage, p)
	})
	addSource(&l, "quobyte", s.Quobyte, quobyte)
	addSource(&l, "cephfs", s.CephFS, func(c *v1.CephFSPersistentVolumeSource, p *field.Path) field.ErrorList { return cephFS(c.Monitors, p) })
	addSource(&l, "iscsi", s.ISCSI, iscsiVolume)
	addSource(&l, "cinder", s.Cinder, cinderVolume)
	addSource(&l, "fc", s.FC, fibreChannel)
	addSource(&l, "flexVolume", s.FlexVolume, func(c *v1.FlexPersistentVolumeSource, p *field.Path) field.ErrorList {
		return append(flex(c.Driver, c.Options, p), optionalSecret(c.SecretRef, false, p.Child("secretRef"))...)
	})
	addSource(&l, "azureFile", s.AzureFile, azureFileVolume)
	addSource(&l, "vsphereVolume", s.VsphereVolume, vsphere)
	addSource(&l, "photonPersistentDisk", s.PhotonPersistentDisk, photon)
	addSource(&l, "portworxVolume", s.PortworxVolume, portworx)
	addSource(&l, "azureDisk", s.AzureDisk, azureDisk)
	addSource(&l, "scaleIO", s.ScaleIO, func(c *v1.ScaleIOPersistentVolumeSource, p *field.Path) field.ErrorList {
		return scaleIO(c.Gateway, c.System, c.VolumeName, p)
	})
	addSource(&l, "local", s.Local, func(c *v1.LocalVolumeSource, p *field.Path) field.ErrorList { return localVolume(c, s, p) })
	addSource(&l, "storageos", s.StorageOS, func(c *v1.StorageOSPersistentVolumeSource, p *field.Path) field.ErrorList {
		return storageOS(c.VolumeName, c.VolumeNamespace, p)
	})
	addSource(&l, "csi", s.CSI, csiVolume)
	return l
}

func glusterfsVolume(g *v1.GlusterfsPersistentVolumeSource, p *field.Path) field.ErrorList {
	errs := glusterfs(g.EndpointsName, g.Path, p)
	if ns := g.EndpointsNamespace; ns != nil {
		errs = append(errs, meta.Invalid(*ns, p.Child("endpointsNamespace"), validation.IsDNS1123Label(*ns))...)
	}
	return errs
}

func iscsiVolume(s *v1.ISCSIPersistentVolumeSource, p *field.Path) field.ErrorList {
	i := iscsi{portal: s.TargetPortal, iqn: s.IQN, lun: s.Lun, discovery: s.DiscoveryCHAPAuth, chap: s.SessionCHAPAuth,
		hasSecret: s.SecretRef != nil, initiator: s.InitiatorName}
	if s.SecretRef != nil {
		i.secretName = s.SecretRef.Name
	}
	return i.validate(p)
}

func cinderVolume(c *v1.CinderPersistentVolumeSource, p *field.Path) field.ErrorList {
	return append(meta.Required(c.VolumeID, p.Child("volumeID")), optionalSecret(c.SecretRef, true, p.Child("secretRef"))...)
}

func azureFileVolume(a *v1.AzureFilePersistentVolumeSource, p *field.Path) field.ErrorList {
	errs := azureFile(a.SecretName, a.ShareName, p)
	if ns := a.SecretNamespace; ns != nil {
		errs = append(errs, meta.DNSLabel(*ns, p.Child("secretNamespace"))...)
	}
	return errs
}

// localVolume is of one node, which it has to name.
func localVolume(l *v1.LocalVolumeSource, s *v1.PersistentVolumeSpec, p *field.Path) field.ErrorList {
	if l.Path == "" {
		return field.ErrorList{field.Required(p.Child("path"), "")}
	}
	errs := meta.NoBacksteps(l.Path, p.Child("path"))
	if s.NodeAffinity == nil {
		errs = append(errs, field.Required(field.NewPath("metadata", "annotations"), "Local volume requires node affinity"))
	}
	return errs
}

func optionalSecret(ref *v1.SecretReference, both bool, p *field.Path) field.ErrorList {
	if ref == nil {
		return nil
	}
	errs := meta.Required(ref.Name, p.Child("name"))
	if both {
		errs = append(errs, meta.Required(ref.Namespace, p.Child("namespace"))...)
	}
	return errs
}

func csiVolume(c *v1.CSIPersistentVolumeSource, p *field.Path) field.ErrorList {
	errs := CSIDriverName(c.Driver, p.Child("driver"))
	errs = append(errs, meta.Required(c.VolumeHandle, p.Child("volumeHandle"))...)
	for _, ref := range []struct {
		name string
		ref  *v1.SecretReference
	}{
		{"controllerPublishSecretRef", c.ControllerPublishSecretRef}, {"nodePublishSecretRef", c.NodePublishSecretRef},
		{"nodeStageSecretRef", c.NodeStageSecretRef}, {"controllerExpandSecretRef", c.ControllerExpandSecretRef},
		{"nodeExpandSecretRef", c.NodeExpandSecretRef},
	} {
		errs = append(errs, optionalSecret(ref.ref, true, p.Child(ref.name))...)
	}
	return errs
}
