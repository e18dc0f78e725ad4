package core

import (
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestValidateVolumes(t *testing.T) {
	const v = "spec.volumes[2]" // after the two of validPod
	rulestest.Cases(t, validPod, ValidatePod, []podCase{
		{Name: "name", Change: func(p *v1.Pod) { p.Spec.Volumes[0].Name = "A" }, Want: []string{invalid("spec.volumes[0].name")}},
		{Name: "no name", Change: func(p *v1.Pod) { p.Spec.Volumes[0].Name = "" }, Want: []string{required("spec.volumes[0].name")}},
		{Name: "same name", Change: func(p *v1.Pod) { p.Spec.Volumes[1].Name = "empty" }, Want: []string{duplicate("spec.volumes[1].name")}},
		{Name: "no source", Change: func(p *v1.Pod) { p.Spec.Volumes[0].VolumeSource = v1.VolumeSource{} }, Want: []string{required("spec.volumes[0]")}},
		{Name: "two sources", Change: func(p *v1.Pod) { p.Spec.Volumes[1].EmptyDir = &v1.EmptyDirVolumeSource{} }, Want: []string{forbidden("spec.volumes[1].persistentVolumeClaim")}},
		{Name: "mount of a faulty volume", Change: func(p *v1.Pod) {
			p.Spec.Volumes[1].PersistentVolumeClaim.ClaimName = ""
			p.Spec.Containers[0].VolumeMounts = []v1.VolumeMount{{Name: "claim", MountPath: "/a"}}
		}, Want: []string{required("spec.volumes[1].persistentVolumeClaim.claimName"), notFound("spec.containers[0].volumeMounts[0].name")}},
		{Name: "emptyDir", Change: volume(v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{SizeLimit: ptr.To(quantity("-1"))}}), Want: []string{forbidden(v + ".emptyDir.sizeLimit")}},
		{Name: "hostPath", Change: volume(v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{Path: "/a/../b", Type: ptr.To(v1.HostPathType("x"))}}),
			Want: []string{invalid(v + ".hostPath.path"), notSupported(v + ".hostPath.type")}},
		{Name: "hostPath without path", Change: volume(v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{}}), Want: []string{required(v + ".hostPath.path")}},
		{Name: "gitRepo", Change: volume(v1.VolumeSource{GitRepo: &v1.GitRepoVolumeSource{Directory: "/a"}}), Want: []string{required(v + ".gitRepo.repository"), invalid(v + ".gitRepo.directory")}},
		{Name: "gce", Change: volume(v1.VolumeSource{GCEPersistentDisk: &v1.GCEPersistentDiskVolumeSource{Partition: 256}}), Want: []string{required(v + ".gcePersistentDisk.pdName"), invalid(v + ".gcePersistentDisk.partition")}},
		{Name: "aws", Change: volume(v1.VolumeSource{AWSElasticBlockStore: &v1.AWSElasticBlockStoreVolumeSource{Partition: -1}}), Want: []string{required(v + ".awsElasticBlockStore.volumeID"), invalid(v + ".awsElasticBlockStore.partition")}},
		{Name: "secret", Change: volume(v1.VolumeSource{Secret: &v1.SecretVolumeSource{DefaultMode: ptr.To[int32](01000), Items: []v1.KeyToPath{{Path: "..a", Mode: ptr.To[int32](-1)}}}}),
			Want: []string{required(v + ".secret.secretName"), invalid(v + ".secret.defaultMode"), required(v + ".secret.items[0].key"), invalid(v + ".secret.items[0].path"), invalid(v + ".secret.items[0].mode")}},
		{Name: "configMap", Change: volume(v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{Items: []v1.KeyToPath{{Key: "a"}}}}), Want: []string{required(v + ".configMap.name"), required(v + ".configMap.items[0].path")}},
		{Name: "nfs", Change: volume(v1.VolumeSource{NFS: &v1.NFSVolumeSource{Path: "a"}}), Want: []string{required(v + ".nfs.server"), invalid(v + ".nfs.path")}},
		{Name: "iscsi", Change: volume(v1.VolumeSource{ISCSI: &v1.ISCSIVolumeSource{IQN: "x", Lun: 256, SessionCHAPAuth: true, InitiatorName: ptr.To("iqn.x")}}),
			Want: []string{required(v + ".iscsi.targetPortal"), invalid(v + ".iscsi.iqn"), invalid(v + ".iscsi.lun"), required(v + ".iscsi.secretRef"), invalid(v + ".iscsi.initiatorname")}},
		{Name: "good iscsi", Change: volume(v1.VolumeSource{ISCSI: &v1.ISCSIVolumeSource{TargetPortal: "1.2.3.4", IQN: "iqn.2001-04.com.example:storage"}})},
		{Name: "glusterfs", Change: volume(v1.VolumeSource{Glusterfs: &v1.GlusterfsVolumeSource{}}), Want: []string{required(v + ".glusterfs.endpoints"), required(v + ".glusterfs.path")}},
		{Name: "flocker", Change: volume(v1.VolumeSource{Flocker: &v1.FlockerVolumeSource{DatasetName: "a/b", DatasetUUID: "x"}}), Want: []string{invalid(v + ".flocker"), invalid(v + ".flocker.datasetName")}},
		{Name: "rbd", Change: volume(v1.VolumeSource{RBD: &v1.RBDVolumeSource{}}), Want: []string{required(v + ".rbd.monitors"), required(v + ".rbd.image")}},
		{Name: "cinder", Change: volume(v1.VolumeSource{Cinder: &v1.CinderVolumeSource{SecretRef: &v1.LocalObjectReference{}}}), Want: []string{required(v + ".cinder.volumeID"), required(v + ".cinder.secretRef.name")}},
		{Name: "cephfs", Change: volume(v1.VolumeSource{CephFS: &v1.CephFSVolumeSource{}}), Want: []string{required(v + ".cephfs.monitors")}},
		{Name: "quobyte", Change: volume(v1.VolumeSource{Quobyte: &v1.QuobyteVolumeSource{Registry: "a", Volume: "v"}}), Want: []string{invalid(v + ".quobyte.registry")}},
		{Name: "fc", Change: volume(v1.VolumeSource{FC: &v1.FCVolumeSource{TargetWWNs: []string{"a"}}}), Want: []string{required(v + ".fc.lun")}},
		{Name: "fc with both", Change: volume(v1.VolumeSource{FC: &v1.FCVolumeSource{TargetWWNs: []string{"a"}, WWIDs: []string{"b"}}}), Want: []string{invalid(v + ".fc.targetWWNs")}},
		{Name: "flex", Change: volume(v1.VolumeSource{FlexVolume: &v1.FlexVolumeSource{Options: map[string]string{"a.k8s.io/b": "", "x": ""}}}),
			Want: []string{required(v + ".flexVolume.driver"), invalid(v + ".flexVolume.options[a.k8s.io/b]")}},
		{Name: "azure file", Change: volume(v1.VolumeSource{AzureFile: &v1.AzureFileVolumeSource{}}), Want: []string{required(v + ".azureFile.secretName"), required(v + ".azureFile.shareName")}},
		{Name: "azure disk", Change: volume(v1.VolumeSource{AzureDisk: &v1.AzureDiskVolumeSource{DiskName: "d", DataDiskURI: "x", CachingMode: ptr.To(v1.AzureDataDiskCachingMode("y"))}}),
			Want: []string{notSupported(v + ".azureDisk.cachingMode"), notSupported(v + ".azureDisk.diskURI")}},
		{Name: "vsphere", Change: volume(v1.VolumeSource{VsphereVolume: &v1.VsphereVirtualDiskVolumeSource{}}), Want: []string{required(v + ".vsphereVolume.volumePath")}},
		{Name: "photon", Change: volume(v1.VolumeSource{PhotonPersistentDisk: &v1.PhotonPersistentDiskVolumeSource{}}), Want: []string{required(v + ".photonPersistentDisk.pdID")}},
		{Name: "portworx", Change: volume(v1.VolumeSource{PortworxVolume: &v1.PortworxVolumeSource{}}), Want: []string{required(v + ".portworxVolume.volumeID")}},
		{Name: "scaleIO", Change: volume(v1.VolumeSource{ScaleIO: &v1.ScaleIOVolumeSource{}}), Want: []string{required(v + ".scaleIO.gateway"), required(v + ".scaleIO.system"), required(v + ".scaleIO.volumeName")}},
		{Name: "storageos", Change: volume(v1.VolumeSource{StorageOS: &v1.StorageOSVolumeSource{VolumeNamespace: "A"}}), Want: []string{required(v + ".storageos.volumeName"), invalid(v + ".storageos.volumeNamespace")}},
		{Name: "csi", Change: volume(v1.VolumeSource{CSI: &v1.CSIVolumeSource{Driver: strings.Repeat("a", 64), NodePublishSecretRef: &v1.LocalObjectReference{}}}),
			Want: []string{tooLong(v + ".csi.driver"), required(v + ".csi.nodePublishSecretRef.name")}},
		{Name: "ephemeral", Change: volume(v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{VolumeClaimTemplate: &v1.PersistentVolumeClaimTemplate{ObjectMeta: metav1.ObjectMeta{Name: "x"}}}}),
			Want: []string{forbidden(v + ".ephemeral.volumeClaimTemplate.metadata"), required(v + ".ephemeral.volumeClaimTemplate.spec.accessModes"), required(v + ".ephemeral.volumeClaimTemplate.spec.resources[storage]")}},
		{Name: "claim of an ephemeral volume", Change: func(p *v1.Pod) {
			volume(v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{VolumeClaimTemplate: &v1.PersistentVolumeClaimTemplate{Spec: claimSpec()}}})(p)
			p.Spec.Volumes[1].PersistentVolumeClaim.ClaimName = "p-v"
		}, Want: []string{invalid(v)}},
		{Name: "image", Change: volume(v1.VolumeSource{Image: &v1.ImageVolumeSource{PullPolicy: "x"}}), Want: []string{required(v + ".image.reference")}},
		{Name: "pull policy of image", Change: volume(v1.VolumeSource{Image: &v1.ImageVolumeSource{Reference: "i", PullPolicy: "x"}}), Want: []string{notSupported(v + ".image.pullPolicy")}},
		{Name: "downwardAPI", Change: volume(v1.VolumeSource{DownwardAPI: &v1.DownwardAPIVolumeSource{Items: []v1.DownwardAPIVolumeFile{{Path: "a"}, {}}}}),
			Want: []string{required(v + ".downwardAPI.fieldRef"), required(v + ".downwardAPI.path")}},
		{Name: "resource without container", Change: volume(v1.VolumeSource{DownwardAPI: &v1.DownwardAPIVolumeSource{Items: []v1.DownwardAPIVolumeFile{{Path: "a", ResourceFieldRef: &v1.ResourceFieldSelector{Resource: "limits.cpu"}}}}}),
			Want: []string{required(v + ".downwardAPI.resourceFieldRef.containerName")}},
	})
}

// claimSpec is one that is valid.
func claimSpec() v1.PersistentVolumeClaimSpec {
	s := v1.PersistentVolumeClaimSpec{AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}}
	s.Resources.Requests = list("storage", "1Gi")
	SetPersistentVolumeClaimSpecDefaults(&s)
	return s
}

func TestValidateProjectedVolumes(t *testing.T) {
	const s = "spec.volumes[2].projected.sources"
	sources := func(list ...v1.VolumeProjection) func(*v1.Pod) {
		return volume(v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{Sources: list}})
	}
	token := func(seconds int64, path string) v1.VolumeProjection {
		return v1.VolumeProjection{ServiceAccountToken: &v1.ServiceAccountTokenProjection{ExpirationSeconds: &seconds, Path: path}}
	}
	withAccount := func() *v1.Pod { p := validPod(); p.Spec.ServiceAccountName = "default"; return p }
	rulestest.Cases(t, validPod, ValidatePod, []podCase{
		{Name: "token of no account", Change: sources(token(600, "a")), Want: []string{forbidden(s + "[0].serviceAccountToken")}},
	})
	rulestest.Cases(t, withAccount, ValidatePod, []podCase{
		{Name: "token", Change: sources(token(600, "a"))},
		{Name: "no source", Change: sources(v1.VolumeProjection{}), Want: []string{required(s + "[0]")}},
		{Name: "two in one", Change: sources(v1.VolumeProjection{Secret: &v1.SecretProjection{LocalObjectReference: v1.LocalObjectReference{Name: "s"}}, ConfigMap: &v1.ConfigMapProjection{}}),
			Want: []string{forbidden(s + "[0].configMap")}},
		{Name: "no name", Change: sources(v1.VolumeProjection{Secret: &v1.SecretProjection{}}), Want: []string{required(s + "[0].secret.name")}},
		{Name: "same file", Change: sources(token(600, "a"), token(600, "a")), Want: []string{invalid(s + "[1].serviceAccountToken")}},
		{Name: "short token", Change: sources(token(599, "a")), Want: []string{invalid(s + "[0].serviceAccountToken.expirationSeconds")}},
		{Name: "long token", Change: sources(token(1<<32+1, "../a")), Want: []string{invalid(s + "[0].serviceAccountToken.expirationSeconds"), invalid(s + "[0].serviceAccountToken.path")}},
		{Name: "bundle by nothing", Change: sources(v1.VolumeProjection{ClusterTrustBundle: &v1.ClusterTrustBundleProjection{}}),
			Want: []string{required(s + "[0].clusterTrustBundle"), required(s + "[0].clusterTrustBundle.path")}},
		{Name: "bundle by both", Change: sources(v1.VolumeProjection{ClusterTrustBundle: &v1.ClusterTrustBundleProjection{Path: "a", Name: ptr.To("n"), SignerName: ptr.To("a.b/c")}}),
			Want: []string{invalid(s + "[0].clusterTrustBundle")}},
		{Name: "certificate", Change: sources(v1.VolumeProjection{PodCertificate: &v1.PodCertificateProjection{SignerName: "kubernetes.io/x", KeyType: "RSA1", MaxExpirationSeconds: ptr.To[int32](90000)}}),
			Want: []string{required(s + "[0].podCertificate"), notSupported(s + "[0].podCertificate.keyType"), invalid(s + "[0].podCertificate.maxExpirationSeconds")}},
	})
}
