package storage

import (
	"fmt"

	storagev1 "k8s.io/api/storage/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/core"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Limits of what drivers say about themselves; times in seconds.
const (
	maxNodeID             = 256
	minTokenSeconds int64 = 600
	maxTokenSeconds int64 = 1 << 32
	minUpdatePeriod int64 = 10
)

// SetCSIDriverDefaults fills what a driver does not say about itself.
func SetCSIDriverDefaults(d *storagev1.CSIDriver) {
	s := &d.Spec
	orElse(&s.AttachRequired, true)
	orElse(&s.PodInfoOnMount, false)
	orElse(&s.StorageCapacity, false)
	orElse(&s.FSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)
	orElse(&s.RequiresRepublish, false)
	orElse(&s.SELinuxMount, false)
	if len(s.VolumeLifecycleModes) == 0 {
		s.VolumeLifecycleModes = []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent}
	}
}

func orElse[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

// ValidateCSIDriver reports faults of a new driver.
func ValidateCSIDriver(d *storagev1.CSIDriver) field.ErrorList {
	errs := meta.ClusterScoped(&d.ObjectMeta, meta.SubdomainName)
	errs = append(errs, core.CSIDriverName(d.Name, field.NewPath("name"))...)
	return append(errs, driverSpec(&d.Spec, field.NewPath("spec"))...)
}

func driverSpec(s *storagev1.CSIDriverSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	needed := func(set bool, name string) {
		if !set {
			errs = append(errs, field.Required(p.Child(name), ""))
		}
	}
	needed(s.AttachRequired != nil, "attachedRequired")
	needed(s.PodInfoOnMount != nil, "podInfoOnMount")
	needed(s.StorageCapacity != nil, "storageCapacity")
	needed(s.FSGroupPolicy != nil, "fsGroupPolicy")
	needed(s.SELinuxMount != nil, "seLinuxMount")
	if s.FSGroupPolicy != nil {
		errs = append(errs, meta.In(*s.FSGroupPolicy, p.Child("fsGroupPolicy"), storagev1.FileFSGroupPolicy,
			storagev1.NoneFSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)...)
	}
	errs = append(errs, tokenRequests(s.TokenRequests, p.Child("tokenRequests"))...)
	for _, m := range s.VolumeLifecycleModes {
		errs = append(errs, meta.In(m, p.Child("volumeLifecycleModes"), storagev1.VolumeLifecycleEphemeral, storagev1.VolumeLifecyclePersistent)...)
	}
	if v := s.NodeAllocatableUpdatePeriodSeconds; v != nil && *v < minUpdatePeriod {
		errs = append(errs, field.Invalid(p.Child("nodeAllocatableUpdatePeriodSeconds"), *v, fmt.Sprintf("must be greater than or equal to %d seconds", minUpdatePeriod)))
	}
	if ptr.Deref(s.ServiceAccountTokenInSecrets, false) && len(s.TokenRequests) == 0 {
		errs = append(errs, field.Invalid(p.Child("serviceAccountTokenInSecrets"), true, "serviceAccountTokenInSecrets can only be set when tokenRequests is set"))
	}
	return errs
}

func tokenRequests(list []storagev1.TokenRequest, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, r := range list {
		rp := p.Index(i)
		if seen.Has(r.Audience) {
			errs = append(errs, field.Duplicate(rp.Child("audience"), r.Audience))
			continue
		}
		seen.Insert(r.Audience)
		if v := r.ExpirationSeconds; v != nil && *v < minTokenSeconds {
			errs = append(errs, field.Invalid(rp.Child("expirationSeconds"), *v, "may not specify a duration less than 10 minutes"))
		} else if v != nil && *v > maxTokenSeconds {
			errs = append(errs, field.Invalid(rp.Child("expirationSeconds"), *v, "may not specify a duration larger than 2^32 seconds"))
		}
	}
	return errs
}

// ValidateCSIDriverUpdate reports faults of a driver that is to replace old; whether it attaches, and what its volumes
// live as long as, stays.
func ValidateCSIDriverUpdate(newD, old *storagev1.CSIDriver) field.ErrorList {
	p := field.NewPath("spec")
	errs := meta.Update(&newD.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, driverSpec(&newD.Spec, p)...)
	errs = append(errs, meta.Immutable(newD.Spec.AttachRequired, old.Spec.AttachRequired, p.Child("attachedRequired"))...)
	return append(errs, meta.Immutable(newD.Spec.VolumeLifecycleModes, old.Spec.VolumeLifecycleModes, p.Child("volumeLifecycleModes"))...)
}

// ValidateCSINode reports faults of a new list of a node's drivers.
func ValidateCSINode(n *storagev1.CSINode) field.ErrorList {
	return append(meta.ClusterScoped(&n.ObjectMeta, meta.SubdomainName), nodeDrivers(n.Spec.Drivers)...)
}

func nodeDrivers(list []storagev1.CSINodeDriver) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[string]()
	for i := range list {
		d, p := &list[i], field.NewPath("spec", "drivers").Index(i)
		errs = append(errs, core.CSIDriverName(d.Name, p.Child("name"))...)
		if d.NodeID == "" {
			errs = append(errs, field.Required(p.Child("nodeID"), ""))
		} else if len(d.NodeID) > maxNodeID {
			errs = append(errs, field.Invalid(p.Child("nodeID"), d.NodeID, fmt.Sprintf("must be %d characters or less", maxNodeID)))
		}
		if d.Allocatable != nil && d.Allocatable.Count != nil {
			errs = append(errs, meta.NonNegative(*d.Allocatable.Count, p.Child("allocatable", "count"))...)
		}
		if names.Has(d.Name) {
			errs = append(errs, field.Duplicate(p.Child("name"), d.Name))
		}
		names.Insert(d.Name)
		keys := sets.New[string]()
		for _, k := range d.TopologyKeys {
			kp := p.Child("topologyKeys")
			if k == "" || keys.Has(k) {
				if k == "" {
					errs = append(errs, field.Required(kp, ""))
				} else {
					errs = append(errs, field.Duplicate(kp, k))
				}
			}
			keys.Insert(k)
			errs = append(errs, meta.QualifiedName(k, kp)...)
		}
	}
	return errs
}

// ValidateCSINodeUpdate reports faults of a list that is to replace old; what a driver has said stays, but for how many
// volumes it takes, until it registers anew.
func ValidateCSINodeUpdate(newN, old *storagev1.CSINode) field.ErrorList {
	errs := append(meta.Update(&newN.ObjectMeta, &old.ObjectMeta), nodeDrivers(newN.Spec.Drivers)...)
	for i := range newN.Spec.Drivers {
		for j := range old.Spec.Drivers {
			n, o := newN.Spec.Drivers[i], old.Spec.Drivers[j]
			if n.Name != o.Name {
				continue
			}
			n.Allocatable, o.Allocatable = nil, nil
			if !apiequality.Semantic.DeepEqual(n, o) {
				errs = append(errs, field.Invalid(field.NewPath("CSINodeDriver"), newN.Spec.Drivers[i], "field is immutable"))
			}
		}
	}
	return errs
}

// ValidateCSIStorageCapacity reports faults of a new statement of capacity.
func ValidateCSIStorageCapacity(c *storagev1.CSIStorageCapacity) field.ErrorList {
	return capacity(c, nil)
}

func capacity(c, old *storagev1.CSIStorageCapacity) field.ErrorList {
	errs := meta.Namespaced(&c.ObjectMeta, meta.SubdomainName)
	tolerate := old != nil && meta.SelectorHasInvalidValue(old.NodeTopology)
	errs = append(errs, meta.Selector(c.NodeTopology, field.NewPath("nodeTopology"), tolerate)...)
	errs = append(errs, meta.Invalid(c.StorageClassName, field.NewPath("storageClassName"), validation.IsDNS1123Subdomain(c.StorageClassName))...)
	if c.Capacity != nil && c.Capacity.Sign() < 0 {
		errs = append(errs, field.Invalid(field.NewPath("capacity"), c.Capacity.String(), meta.MustBeNonNegative))
	}
	if c.MaximumVolumeSize != nil && c.MaximumVolumeSize.Sign() < 0 {
		errs = append(errs, field.Invalid(field.NewPath("maximumVolumeSize"), c.MaximumVolumeSize.String(), meta.MustBeNonNegative))
	}
	return errs
}

// ValidateCSIStorageCapacityUpdate reports faults of a statement that is to replace old; what it is about stays.
func ValidateCSIStorageCapacityUpdate(newC, old *storagev1.CSIStorageCapacity) field.ErrorList {
	errs := append(meta.Update(&newC.ObjectMeta, &old.ObjectMeta), capacity(newC, old)...)
	errs = append(errs, meta.Immutable(newC.NodeTopology, old.NodeTopology, field.NewPath("nodeTopology"))...)
	return append(errs, meta.Immutable(newC.StorageClassName, old.StorageClassName, field.NewPath("storageClassName"))...)
}
