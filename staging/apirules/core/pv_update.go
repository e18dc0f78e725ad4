package core

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidatePersistentVolumeUpdate reports faults of a volume that is to replace old; its source stays, but for secrets of
// CSI volumes that are added.
func ValidatePersistentVolumeUpdate(newPV, old *v1.PersistentVolume) field.ErrorList {
	p := field.NewPath("spec")
	errs := meta.Update(&newPV.ObjectMeta, &old.ObjectMeta)
	oddValue := old.Spec.NodeAffinity != nil && hasOddNodeValue(old.Spec.NodeAffinity.Required)
	errs = append(errs, persistentVolume(newPV, oddValue)...)
	if !sameSource(newPV, old) {
		errs = append(errs, field.Forbidden(p.Child("persistentvolumesource"), fmt.Sprintf("spec.persistentvolumesource is immutable after creation\n%v",
			diff.Diff(old.Spec.PersistentVolumeSource, newPV.Spec.PersistentVolumeSource))))
	}
	errs = append(errs, meta.Immutable(newPV.Spec.VolumeMode, old.Spec.VolumeMode, p.Child("volumeMode"))...)
	if old.Spec.NodeAffinity != nil && !apiequality.Semantic.DeepEqual(newPV.Spec.NodeAffinity, old.Spec.NodeAffinity) && !upgradedTopology(newPV, old) {
		errs = append(errs, field.Invalid(p.Child("nodeAffinity"), newPV.Spec.NodeAffinity, "field is immutable, except for updating from beta label to GA"))
	}
	if v := old.Spec.VolumeAttributesClassName; v != nil && !ptr.Equal(newPV.Spec.VolumeAttributesClassName, v) && newPV.Spec.VolumeAttributesClassName == nil {
		errs = append(errs, field.Forbidden(p.Child("volumeAttributesClassName"), "update from non-nil value to nil is forbidden"))
	}
	return errs
}

func sameSource(newPV, old *v1.PersistentVolume) bool {
	n := newPV.Spec.PersistentVolumeSource.DeepCopy()
	if o := old.Spec.CSI; o != nil && n.CSI != nil {
		if o.ControllerExpandSecretRef == nil {
			n.CSI.ControllerExpandSecretRef = nil
		}
		if o.NodeExpandSecretRef == nil {
			n.CSI.NodeExpandSecretRef = nil
		}
	}
	return apiequality.Semantic.DeepEqual(*n, old.Spec.PersistentVolumeSource)
}

// upgradedTopology tells whether the only change of the node affinity is from old to new names of well known labels.
func upgradedTopology(newPV, old *v1.PersistentVolume) bool {
	if newPV.Spec.NodeAffinity == nil {
		return false
	}
	renamed := map[string]string{
		v1.LabelFailureDomainBetaZone:   v1.LabelTopologyZone,
		v1.LabelFailureDomainBetaRegion: v1.LabelTopologyRegion,
		v1.LabelInstanceType:            v1.LabelInstanceTypeStable,
		"beta.kubernetes.io/os":         v1.LabelOSStable,
		"beta.kubernetes.io/arch":       v1.LabelArchStable,
	}
	upgrade := func(a *v1.VolumeNodeAffinity) *v1.VolumeNodeAffinity {
		a = a.DeepCopy()
		if a.Required == nil {
			return a
		}
		for i := range a.Required.NodeSelectorTerms {
			for j := range a.Required.NodeSelectorTerms[i].MatchExpressions {
				e := &a.Required.NodeSelectorTerms[i].MatchExpressions[j]
				if to, ok := renamed[e.Key]; ok {
					e.Key = to
				}
			}
		}
		return a
	}
	return apiequality.Semantic.DeepEqual(upgrade(old.Spec.NodeAffinity), newPV.Spec.NodeAffinity)
}

// ValidatePersistentVolumeStatusUpdate rules what the volume controller reports.
func ValidatePersistentVolumeStatusUpdate(newPV, old *v1.PersistentVolume) field.ErrorList {
	errs := meta.Update(&newPV.ObjectMeta, &old.ObjectMeta)
	if newPV.ResourceVersion == "" {
		errs = append(errs, field.Required(field.NewPath("resourceVersion"), ""))
	}
	return errs
}

// PersistentVolumeWarnings tells of sources without a driver and of deprecated annotations and policies.
func PersistentVolumeWarnings(newPV, _ *v1.PersistentVolume) []string {
	var out []string
	p, s := field.NewPath("spec"), &newPV.Spec
	warn := func(set bool, path *field.Path, words string) {
		if set {
			out = append(out, fmt.Sprintf("%s: %s", path, words))
		}
	}
	ap := field.NewPath("metadata", "annotations")
	_, class := newPV.Annotations[v1.BetaStorageClassAnnotation]
	warn(class, ap.Key(v1.BetaStorageClassAnnotation), `deprecated since v1.8; use "storageClassName" attribute instead`)
	_, options := newPV.Annotations[v1.MountOptionAnnotation]
	warn(options, ap.Key(v1.MountOptionAnnotation), `deprecated since v1.31; use "mountOptions" attribute instead`)
	warn(s.PersistentVolumeReclaimPolicy == v1.PersistentVolumeReclaimRecycle, p.Child("persistentVolumeReclaimPolicy"),
		"The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.")
	warn(s.PhotonPersistentDisk != nil, p.Child("photonPersistentDisk"), "deprecated in v1.11, non-functional in v1.16+")
	warn(s.ScaleIO != nil, p.Child("scaleIO"), "deprecated in v1.16, non-functional in v1.22+")
	warn(s.StorageOS != nil, p.Child("storageOS"), "deprecated in v1.22, non-functional in v1.25+")
	warn(s.Flocker != nil, p.Child("flocker"), "deprecated in v1.22, non-functional in v1.25+")
	warn(s.Quobyte != nil, p.Child("quobyte"), "deprecated in v1.22, non-functional in v1.25+")
	warn(s.Glusterfs != nil, p.Child("glusterfs"), "deprecated in v1.25, non-functional in v1.26+")
	warn(s.CephFS != nil, p.Child("cephfs"), "deprecated in v1.28, non-functional in v1.31+")
	warn(s.RBD != nil, p.Child("rbd"), "deprecated in v1.28, non-functional in v1.31+")
	if q, ok := s.Capacity[v1.ResourceStorage]; ok {
		warn(q.MilliValue()%1000 != 0, p.Child("capacity").Key(string(v1.ResourceStorage)), fmt.Sprintf("fractional byte value %q is invalid, must be an integer", q.String()))
	}
	return out
}
