package core

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// This file rules the sources that pods and persistent volumes share.

func gcePersistentDisk(d *v1.GCEPersistentDiskVolumeSource, p *field.Path) field.ErrorList {
	errs := meta.Required(d.PDName, p.Child("pdName"))
	return append(errs, meta.Range(d.Partition, 0, 255, p.Child("partition"))...)
}

func awsElasticBlockStore(d *v1.AWSElasticBlockStoreVolumeSource, p *field.Path) field.ErrorList {
	errs := meta.Required(d.VolumeID, p.Child("volumeID"))
	return append(errs, meta.Range(d.Partition, 0, 255, p.Child("partition"))...)
}

func nfs(n *v1.NFSVolumeSource, p *field.Path) field.ErrorList {
	errs := meta.Required(n.Server, p.Child("server"))
	errs = append(errs, meta.Required(n.Path, p.Child("path"))...)
	if !path.IsAbs(n.Path) {
		errs = append(errs, field.Invalid(p.Child("path"), n.Path, "must be an absolute path"))
	}
	return errs
}

func glusterfsOfPod(g *v1.GlusterfsVolumeSource, p *field.Path) field.ErrorList {
	return glusterfs(g.EndpointsName, g.Path, p)
}

func glusterfs(endpoints, dir string, p *field.Path) field.ErrorList {
	errs := meta.Required(endpoints, p.Child("endpoints"))
	return append(errs, meta.Required(dir, p.Child("path"))...)
}

func flocker(f *v1.FlockerVolumeSource, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case f.DatasetName == "" && f.DatasetUUID == "":
		errs = append(errs, field.Required(p, "one of datasetName and datasetUUID is required"))
	case f.DatasetName != "" && f.DatasetUUID != "":
		errs = append(errs, field.Invalid(p, "resource", "datasetName and datasetUUID can not be specified simultaneously"))
	}
	if strings.Contains(f.DatasetName, "/") {
		errs = append(errs, field.Invalid(p.Child("datasetName"), f.DatasetName, "must not contain '/'"))
	}
	return errs
}

func rbd(monitors []string, image string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(monitors) == 0 {
		errs = append(errs, field.Required(p.Child("monitors"), ""))
	}
	return append(errs, meta.Required(image, p.Child("image"))...)
}

func cephFS(monitors []string, p *field.Path) field.ErrorList {
	if len(monitors) == 0 {
		return field.ErrorList{field.Required(p.Child("monitors"), "")}
	}
	return nil
}

func cinderOfPod(c *v1.CinderVolumeSource, p *field.Path) field.ErrorList {
	errs := meta.Required(c.VolumeID, p.Child("volumeID"))
	if c.SecretRef != nil {
		errs = append(errs, meta.Required(c.SecretRef.Name, p.Child("secretRef", "name"))...)
	}
	return errs
}

func quobyte(q *v1.QuobyteVolumeSource, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case q.Registry == "":
		errs = append(errs, field.Required(p.Child("registry"), "must be a host:port pair or multiple pairs separated by commas"))
	case len(q.Tenant) >= 65:
		errs = append(errs, field.Required(p.Child("tenant"), "must be a UUID and may not exceed a length of 64 characters"))
	default:
		for _, hostPort := range strings.Split(q.Registry, ",") {
			if strings.Count(hostPort, ":") != 1 {
				errs = append(errs, field.Invalid(p.Child("registry"), q.Registry, "must be a host:port pair or multiple pairs separated by commas"))
			}
		}
	}
	return append(errs, meta.Required(q.Volume, p.Child("volume"))...)
}

func fibreChannel(f *v1.FCVolumeSource, p *field.Path) field.ErrorList {
	switch {
	case len(f.TargetWWNs) == 0 && len(f.WWIDs) == 0:
		return field.ErrorList{field.Required(p.Child("targetWWNs"), "must specify either targetWWNs or wwids, but not both")}
	case len(f.TargetWWNs) > 0 && len(f.WWIDs) > 0:
		return field.ErrorList{field.Invalid(p.Child("targetWWNs"), f.TargetWWNs, "targetWWNs and wwids can not be specified simultaneously")}
	case len(f.TargetWWNs) == 0:
		return nil
	case f.Lun == nil:
		return field.ErrorList{field.Required(p.Child("lun"), "lun is required if targetWWNs is specified")}
	}
	return meta.Range(*f.Lun, 0, 255, p.Child("lun"))
}

func flex(driver string, options map[string]string, p *field.Path) field.ErrorList {
	errs := meta.Required(driver, p.Child("driver"))
	for key := range options {
		domain, _, found := strings.Cut(key, "/")
		if !found {
			continue
		}
		for _, reserved := range []string{"kubernetes.io", "k8s.io"} {
			if domain == reserved || strings.HasSuffix(domain, "."+reserved) {
				errs = append(errs, field.Invalid(p.Child("options").Key(key), key, "reserved names"))
			}
		}
	}
	return errs
}

func azureFile(secret, share string, p *field.Path) field.ErrorList {
	errs := meta.Required(secret, p.Child("secretName"))
	return append(errs, meta.Required(share, p.Child("shareName"))...)
}

func vsphere(v *v1.VsphereVirtualDiskVolumeSource, p *field.Path) field.ErrorList {
	return meta.Required(v.VolumePath, p.Child("volumePath"))
}

func photon(d *v1.PhotonPersistentDiskVolumeSource, p *field.Path) field.ErrorList {
	return meta.Required(d.PdID, p.Child("pdID"))
}

func portworx(v *v1.PortworxVolumeSource, p *field.Path) field.ErrorList {
	return meta.Required(v.VolumeID, p.Child("volumeID"))
}

var azureDiskID = regexp.MustCompile(`(?i)^/subscriptions/.+/resourceGroups/.+/providers/Microsoft\.Compute/disks/.+$`)

func azureDisk(d *v1.AzureDiskVolumeSource, p *field.Path) field.ErrorList {
	errs := meta.Required(d.DiskName, p.Child("diskName"))
	errs = append(errs, meta.Required(d.DataDiskURI, p.Child("diskURI"))...)
	if d.CachingMode != nil {
		errs = append(errs, meta.In(*d.CachingMode, p.Child("cachingMode"), v1.AzureDataDiskCachingNone,
			v1.AzureDataDiskCachingReadOnly, v1.AzureDataDiskCachingReadWrite)...)
	}
	if d.Kind == nil {
		return errs
	}
	errs = append(errs, meta.In(*d.Kind, p.Child("kind"), v1.AzureSharedBlobDisk, v1.AzureDedicatedBlobDisk, v1.AzureManagedDisk)...)
	switch {
	case *d.Kind == v1.AzureManagedDisk && !azureDiskID.MatchString(d.DataDiskURI):
		errs = append(errs, field.NotSupported(p.Child("diskURI"), d.DataDiskURI,
			[]string{"/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"}))
	case *d.Kind != v1.AzureManagedDisk && !strings.HasPrefix(d.DataDiskURI, "https://") && d.DataDiskURI != "":
		errs = append(errs, field.NotSupported(p.Child("diskURI"), d.DataDiskURI,
			[]string{"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"}))
	}
	return errs
}

func storageOSOfPod(s *v1.StorageOSVolumeSource, p *field.Path) field.ErrorList {
	errs := storageOS(s.VolumeName, s.VolumeNamespace, p)
	if s.SecretRef != nil {
		errs = append(errs, meta.Required(s.SecretRef.Name, p.Child("secretRef", "name"))...)
	}
	return errs
}

func storageOS(name, namespace string, p *field.Path) field.ErrorList {
	errs := meta.DNSLabel(name, p.Child("volumeName"))
	if namespace != "" {
		errs = append(errs, meta.DNSLabel(namespace, p.Child("volumeNamespace"))...)
	}
	return errs
}

func scaleIOOfPod(s *v1.ScaleIOVolumeSource, p *field.Path) field.ErrorList {
	return scaleIO(s.Gateway, s.System, s.VolumeName, p)
}

func scaleIO(gateway, system, volume string, p *field.Path) field.ErrorList {
	errs := meta.Required(gateway, p.Child("gateway"))
	errs = append(errs, meta.Required(system, p.Child("system"))...)
	return append(errs, meta.Required(volume, p.Child("volumeName"))...)
}

func csiOfPod(c *v1.CSIVolumeSource, p *field.Path) field.ErrorList {
	errs := CSIDriverName(c.Driver, p.Child("driver"))
	if c.NodePublishSecretRef != nil {
		errs = append(errs, meta.Required(c.NodePublishSecretRef.Name, p.Child("nodePublishSecretRef", "name"))...)
	}
	return errs
}

// CSIDriverName reports a name that is not what the CSI specification allows: up to 63 characters of a DNS name,
// capitals included.
func CSIDriverName(name string, p *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	var errs field.ErrorList
	if len(name) > 63 {
		errs = append(errs, field.TooLong(p, name, 63))
	}
	return append(errs, meta.Invalid(name, p, validation.IsDNS1123Subdomain(strings.ToLower(name)))...)
}

// iscsi is what both iSCSI sources have.
type iscsi struct {
	portal, iqn     string
	lun             int32
	discovery, chap bool
	hasSecret       bool
	secretName      string
	initiator       *string
}

func iscsiOfPod(s *v1.ISCSIVolumeSource, p *field.Path) field.ErrorList {
	i := iscsi{portal: s.TargetPortal, iqn: s.IQN, lun: s.Lun, discovery: s.DiscoveryCHAPAuth, chap: s.SessionCHAPAuth,
		hasSecret: s.SecretRef != nil, initiator: s.InitiatorName}
	if s.SecretRef != nil {
		i.secretName = s.SecretRef.Name
	}
	return i.validate(p)
}

func (i iscsi) validate(p *field.Path) field.ErrorList {
	errs := meta.Required(i.portal, p.Child("targetPortal"))
	if i.iqn == "" {
		errs = append(errs, field.Required(p.Child("iqn"), ""))
	} else {
		errs = append(errs, iscsiName(i.iqn, p.Child("iqn"))...)
	}
	errs = append(errs, meta.Range(i.lun, 0, 255, p.Child("lun"))...)
	if (i.discovery || i.chap) && !i.hasSecret {
		errs = append(errs, field.Required(p.Child("secretRef"), ""))
	}
	if i.hasSecret {
		errs = append(errs, meta.Required(i.secretName, p.Child("secretRef", "name"))...)
	}
	if i.initiator != nil {
		errs = append(errs, iscsiName(*i.initiator, p.Child("initiatorname"))...)
	}
	return errs
}

var (
	iqnName = regexp.MustCompile(`^iqn\.\d{4}-\d{2}\.[[:alnum:]-.]+(:[^,;*&$|\s]+)$`)
	euiName = regexp.MustCompile(`^eui\.[[:alnum:]]{16}$`)
	naaName = regexp.MustCompile(`^naa\.[[:alnum:]]{32}$`)
)

// iscsiName rules a name of RFC 3720 and 3980.
func iscsiName(name string, p *field.Path) field.ErrorList {
	var form *regexp.Regexp
	switch {
	case strings.HasPrefix(name, "iqn"):
		form = iqnName
	case strings.HasPrefix(name, "eui"):
		form = euiName
	case strings.HasPrefix(name, "naa"):
		form = naaName
	default:
		return field.ErrorList{field.Invalid(p, name, "must be valid format starting with iqn, eui, or naa")}
	}
	if !form.MatchString(name) {
		return field.ErrorList{field.Invalid(p, name, fmt.Sprintf("must be valid format of %s", name[:3]))}
	}
	return nil
}

// ReadOnlyDisks reports disks that several pods of one template could not share: GCE disks that are not read-only.
func ReadOnlyDisks(volumes []v1.Volume, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range volumes {
		if d := volumes[i].GCEPersistentDisk; d != nil && !d.ReadOnly {
			errs = append(errs, field.Invalid(p.Index(i).Child("gcePersistentDisk", "readOnly"), false,
				"must be true for replicated pods > 1; GCE PD can only be mounted on multiple machines if it is read-only"))
		}
	}
	return errs
}
