package core

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// maxFileMode is 0777, the last mode a projected file can have.
const maxFileMode = 0o777

func (r *podRules) validateVolumes(p *field.Path) field.ErrorList {
	var errs field.ErrorList
	r.volumes = map[string]*v1.VolumeSource{}
	for i := range r.spec.Volumes {
		v, vp := &r.spec.Volumes[i], p.Index(i)
		faults := append(meta.DNSLabel(v.Name, vp.Child("name")), r.volumeSource(v, vp)...)
		if r.volumes[v.Name] != nil {
			faults = append(faults, duplicateName(vp, v.Name))
		}
		if len(faults) == 0 { // mounts of a faulty volume are reported too
			r.volumes[v.Name] = &v.VolumeSource
		}
		errs = append(errs, faults...)
	}
	return append(errs, r.claimConflicts(p)...)
}

// claimConflicts reports generic ephemeral volumes whose claim would be one that the pod names too.
func (r *podRules) claimConflicts(p *field.Path) field.ErrorList {
	if r.meta == nil || r.meta.Name == "" {
		return nil
	}
	named := sets.New[string]()
	for i := range r.spec.Volumes {
		if c := r.spec.Volumes[i].PersistentVolumeClaim; c != nil {
			named.Insert(c.ClaimName)
		}
	}
	var errs field.ErrorList
	for i := range r.spec.Volumes {
		v := &r.spec.Volumes[i]
		if claim := r.meta.Name + "-" + v.Name; v.Ephemeral != nil && named.Has(claim) {
			errs = append(errs, field.Invalid(p.Index(i), v.Name, fmt.Sprintf("conflicting PVC name %q: used by a persistentVolumeClaim volume", claim)))
		}
	}
	return errs
}

// volumeSource wants exactly one source and rules it.
func (r *podRules) volumeSource(v *v1.Volume, p *field.Path) field.ErrorList {
	sources := volumeSources(r, v)
	if len(sources) == 0 {
		return field.ErrorList{field.Required(p, "must specify a volume type")}
	}
	errs := sources[0].rules(p.Child(sources[0].name))
	for _, s := range sources[1:] {
		errs = append(errs, field.Forbidden(p.Child(s.name), "may not specify more than 1 volume type"))
	}
	return errs
}

// sourceRule is one source that a volume has set, by its JSON name.
type sourceRule struct {
	name  string
	rules func(*field.Path) field.ErrorList
}

// addSource notes a source that is set.
func addSource[T any](list *[]sourceRule, name string, src *T, rules func(*T, *field.Path) field.ErrorList) {
	if src != nil {
		*list = append(*list, sourceRule{name, func(p *field.Path) field.ErrorList { return rules(src, p) }})
	}
}

func volumeSources(r *podRules, v *v1.Volume) []sourceRule {
	var l []sourceRule
	addSource(&l, "emptyDir", v.EmptyDir, emptyDir)
	addSource(&l, "hostPath", v.HostPath, hostPath)
	addSource(&l, "gitRepo", v.GitRepo, gitRepo)
	addSource(&l, "gcePersistentDisk", v.GCEPersistentDisk, gcePersistentDisk)
	addSource(&l, "awsElasticBlockStore", v.AWSElasticBlockStore, awsElasticBlockStore)
	addSource(&l, "secret", v.Secret, secretVolume)
	addSource(&l, "nfs", v.NFS, nfs)
	addSource(&l, "iscsi", v.ISCSI, iscsiOfPod)
	addSource(&l, "glusterfs", v.Glusterfs, glusterfsOfPod)
	addSource(&l, "flocker", v.Flocker, flocker)
	addSource(&l, "persistentVolumeClaim", v.PersistentVolumeClaim, func(c *v1.PersistentVolumeClaimVolumeSource, p *field.Path) field.ErrorList {
		return meta.Required(c.ClaimName, p.Child("claimName"))
	})
	addSource(&l, "rbd", v.RBD, func(c *v1.RBDVolumeSource, p *field.Path) field.ErrorList { return rbd(c.CephMonitors, c.RBDImage, p) })
	addSource(&l, "cinder", v.Cinder, cinderOfPod)
	addSource(&l, "cephfs", v.CephFS, func(c *v1.CephFSVolumeSource, p *field.Path) field.ErrorList { return cephFS(c.Monitors, p) })
	addSource(&l, "quobyte", v.Quobyte, quobyte)
	addSource(&l, "downwardAPI", v.DownwardAPI, downwardVolume)
	addSource(&l, "fc", v.FC, fibreChannel)
	addSource(&l, "flexVolume", v.FlexVolume, func(c *v1.FlexVolumeSource, p *field.Path) field.ErrorList { return flex(c.Driver, c.Options, p) })
	addSource(&l, "configMap", v.ConfigMap, configMapVolume)
	addSource(&l, "azureFile", v.AzureFile, func(c *v1.AzureFileVolumeSource, p *field.Path) field.ErrorList {
		return azureFile(c.SecretName, c.ShareName, p)
	})
	addSource(&l, "vsphereVolume", v.VsphereVolume, vsphere)
	addSource(&l, "photonPersistentDisk", v.PhotonPersistentDisk, photon)
	addSource(&l, "portworxVolume", v.PortworxVolume, portworx)
	addSource(&l, "azureDisk", v.AzureDisk, azureDisk)
	addSource(&l, "storageos", v.StorageOS, storageOSOfPod)
	addSource(&l, "projected", v.Projected, r.projected)
	addSource(&l, "scaleIO", v.ScaleIO, scaleIOOfPod)
	addSource(&l, "csi", v.CSI, csiOfPod)
	addSource(&l, "ephemeral", v.Ephemeral, r.ephemeralVolume)
	addSource(&l, "image", v.Image, r.imageVolume)
	return l
}

func emptyDir(e *v1.EmptyDirVolumeSource, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if e.SizeLimit != nil && e.SizeLimit.Sign() < 0 {
		errs = append(errs, field.Forbidden(p.Child("sizeLimit"), "SizeLimit field must be a valid resource quantity"))
	}
	return errs
}

func hostPath(h *v1.HostPathVolumeSource, p *field.Path) field.ErrorList {
	if h.Path == "" {
		return field.ErrorList{field.Required(p.Child("path"), "")}
	}
	errs := meta.NoBacksteps(h.Path, p.Child("path"))
	if h.Type != nil {
		errs = append(errs, meta.In(*h.Type, p.Child("type"), v1.HostPathUnset, v1.HostPathBlockDev, v1.HostPathCharDev,
			v1.HostPathDirectory, v1.HostPathDirectoryOrCreate, v1.HostPathFile, v1.HostPathFileOrCreate, v1.HostPathSocket)...)
	}
	return errs
}

func gitRepo(g *v1.GitRepoVolumeSource, p *field.Path) field.ErrorList {
	errs := meta.Required(g.Repository, p.Child("repository"))
	return append(errs, meta.LocalFilePath(g.Directory, p.Child("directory"))...)
}

func secretVolume(s *v1.SecretVolumeSource, p *field.Path) field.ErrorList {
	errs := meta.Required(s.SecretName, p.Child("secretName"))
	errs = append(errs, optionalMode(s.DefaultMode, p.Child("defaultMode"))...)
	return append(errs, keysToPaths(s.Items, p.Child("items"))...)
}

func configMapVolume(c *v1.ConfigMapVolumeSource, p *field.Path) field.ErrorList {
	errs := meta.Required(c.Name, p.Child("name"))
	errs = append(errs, optionalMode(c.DefaultMode, p.Child("defaultMode"))...)
	return append(errs, keysToPaths(c.Items, p.Child("items"))...)
}

func optionalMode(mode *int32, p *field.Path) field.ErrorList {
	if mode != nil && (*mode < 0 || *mode > maxFileMode) {
		return field.ErrorList{field.Invalid(p, *mode, "must be a number between 0 and 0777 (octal), both inclusive")}
	}
	return nil
}

func keysToPaths(items []v1.KeyToPath, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range items {
		errs = append(errs, keyToPath(&items[i], p.Index(i))...)
	}
	return errs
}

func keyToPath(k *v1.KeyToPath, p *field.Path) field.ErrorList {
	errs := meta.Required(k.Key, p.Child("key"))
	errs = append(errs, meta.Required(k.Path, p.Child("path"))...)
	errs = append(errs, meta.LocalFilePath(k.Path, p.Child("path"))...)
	return append(errs, optionalMode(k.Mode, p.Child("mode"))...)
}

func downwardVolume(d *v1.DownwardAPIVolumeSource, p *field.Path) field.ErrorList {
	errs := optionalMode(d.DefaultMode, p.Child("defaultMode"))
	return append(errs, downwardFiles(d.Items, p)...)
}

func downwardFiles(files []v1.DownwardAPIVolumeFile, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range files {
		errs = append(errs, downwardFile(&files[i], p)...)
	}
	return errs
}

// downwardFile reports at the volume's path, not the item's, as the API server does.
func downwardFile(f *v1.DownwardAPIVolumeFile, p *field.Path) field.ErrorList {
	errs := meta.Required(f.Path, p.Child("path"))
	errs = append(errs, meta.LocalFilePath(f.Path, p.Child("path"))...)
	switch {
	case f.FieldRef != nil:
		errs = append(errs, fieldRef(f.FieldRef, fileFields, p.Child("fieldRef"))...)
		if f.ResourceFieldRef != nil {
			errs = append(errs, field.Invalid(p, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
		}
	case f.ResourceFieldRef != nil:
		errs = append(errs, resourceFieldRef(f.ResourceFieldRef, true, p.Child("resourceFieldRef"))...)
	default:
		errs = append(errs, field.Required(p.Child("fieldRef"), "one of fieldRef and resourceFieldRef is required"))
	}
	return append(errs, optionalMode(f.Mode, p.Child("mode"))...)
}

func (r *podRules) imageVolume(i *v1.ImageVolumeSource, p *field.Path) field.ErrorList {
	// Only a pod must name the image: a template's may be filled in on admission of the pod.
	if r.pod && i.Reference == "" {
		return field.ErrorList{field.Required(p.Child("reference"), "")}
	}
	return meta.OneOf(i.PullPolicy, p.Child("pullPolicy"), v1.PullAlways, v1.PullIfNotPresent, v1.PullNever)
}

func (r *podRules) ephemeralVolume(e *v1.EphemeralVolumeSource, p *field.Path) field.ErrorList {
	tp := p.Child("volumeClaimTemplate")
	if e.VolumeClaimTemplate == nil {
		return field.ErrorList{field.Required(tp, "")}
	}
	t := e.VolumeClaimTemplate
	errs := meta.Labels(t.Labels, tp.Child("metadata", "labels"))
	errs = append(errs, meta.Annotations(t.Annotations, tp.Child("metadata", "annotations"))...)
	if !onlyLabelsAndAnnotations(t) {
		errs = append(errs, field.Forbidden(tp.Child("metadata"), "cannot be set for an ephemeral volume"))
	}
	return append(errs, ValidatePersistentVolumeClaimSpec(&t.Spec, tp.Child("spec"))...)
}

func onlyLabelsAndAnnotations(t *v1.PersistentVolumeClaimTemplate) bool {
	m := &t.ObjectMeta
	return m.Name == "" && m.GenerateName == "" && m.Namespace == "" && m.UID == "" && m.ResourceVersion == "" &&
		m.Generation == 0 && m.CreationTimestamp.IsZero() && m.DeletionTimestamp == nil &&
		m.DeletionGracePeriodSeconds == nil && len(m.OwnerReferences) == 0 && len(m.Finalizers) == 0 &&
		len(m.ManagedFields) == 0 && m.SelfLink == ""
}
