package core

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// SetPersistentVolumeClaimDefaults fills phase, volume mode and rounds amounts.
func SetPersistentVolumeClaimDefaults(c *v1.PersistentVolumeClaim) {
	orElse(&c.Status.Phase, v1.ClaimPending)
	SetPersistentVolumeClaimSpecDefaults(&c.Spec)
	roundResources(c.Status.Capacity)
	roundResources(c.Status.AllocatedResources)
}

// SetPersistentVolumeClaimSpecDefaults fills the volume mode of a claim or a template of one.
func SetPersistentVolumeClaimSpecDefaults(s *v1.PersistentVolumeClaimSpec) {
	orElsePtr(&s.VolumeMode, v1.PersistentVolumeFilesystem)
	roundResources(s.Resources.Limits)
	roundResources(s.Resources.Requests)
}

// NormalizePersistentVolumeClaim makes dataSource and dataSourceRef name the same object where only one is given
// (KEP-1495). A reference into another namespace has no twin.
func NormalizePersistentVolumeClaim(c *v1.PersistentVolumeClaim) {
	NormalizePersistentVolumeClaimSpec(&c.Spec)
}

// NormalizePersistentVolumeClaimSpec is NormalizePersistentVolumeClaim for a spec.
func NormalizePersistentVolumeClaimSpec(s *v1.PersistentVolumeClaimSpec) {
	switch {
	case s.DataSource != nil && s.DataSourceRef == nil:
		s.DataSourceRef = &v1.TypedObjectReference{APIGroup: ptr.To(ptr.Deref(s.DataSource.APIGroup, "")), Kind: s.DataSource.Kind, Name: s.DataSource.Name}
		if s.DataSource.APIGroup == nil {
			s.DataSourceRef.APIGroup = nil
		}
	case s.DataSourceRef != nil && s.DataSource == nil && ptr.Deref(s.DataSourceRef.Namespace, "") == "":
		s.DataSource = &v1.TypedLocalObjectReference{Kind: s.DataSourceRef.Kind, Name: s.DataSourceRef.Name}
		if g := s.DataSourceRef.APIGroup; g != nil {
			s.DataSource.APIGroup = ptr.To(*g)
		}
	}
}

// ValidatePersistentVolumeClaim reports faults of a new claim.
func ValidatePersistentVolumeClaim(c *v1.PersistentVolumeClaim) field.ErrorList {
	errs := meta.Namespaced(&c.ObjectMeta, meta.SubdomainName)
	return append(errs, ValidatePersistentVolumeClaimSpec(&c.Spec, field.NewPath("spec"))...)
}

// ValidatePersistentVolumeClaimSpec reports faults of a claim's spec or of a template of one at p.
func ValidatePersistentVolumeClaimSpec(s *v1.PersistentVolumeClaimSpec, p *field.Path) field.ErrorList {
	errs := accessModes(s.AccessModes, p.Child("accessModes"))
	if s.Selector != nil {
		errs = append(errs, meta.Selector(s.Selector, p.Child("selector"), false)...)
	}
	rp := p.Child("resources").Key(string(v1.ResourceStorage))
	if q, ok := s.Resources.Requests[v1.ResourceStorage]; !ok {
		errs = append(errs, field.Required(rp, ""))
	} else if q.Sign() <= 0 {
		errs = append(errs, field.Invalid(rp, q.String(), meta.MustBePositive))
	}
	if v := s.StorageClassName; v != nil && *v != "" {
		errs = append(errs, meta.Invalid(*v, p.Child("storageClassName"), validation.IsDNS1123Subdomain(*v))...)
	}
	if v := s.VolumeMode; v != nil {
		errs = append(errs, meta.In(*v, p.Child("volumeMode"), v1.PersistentVolumeBlock, v1.PersistentVolumeFilesystem)...)
	}
	if v := s.VolumeAttributesClassName; v != nil && *v != "" {
		errs = append(errs, meta.Invalid(*v, p.Child("volumeAttributesClassName"), validation.IsDNS1123Subdomain(*v))...)
	}
	return append(errs, dataSources(s, p)...)
}

func accessModes(modes []v1.PersistentVolumeAccessMode, p *field.Path) field.ErrorList {
	if len(modes) == 0 {
		return field.ErrorList{field.Required(p, "at least 1 access mode is required")}
	}
	var errs field.ErrorList
	oncePod, other := false, false
	for _, m := range modes {
		errs = append(errs, meta.In(m, p, v1.ReadOnlyMany, v1.ReadWriteMany, v1.ReadWriteOnce, v1.ReadWriteOncePod)...)
		oncePod = oncePod || m == v1.ReadWriteOncePod
		other = other || m != v1.ReadWriteOncePod
	}
	if oncePod && other {
		errs = append(errs, field.Forbidden(p, "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}

func dataSources(s *v1.PersistentVolumeClaimSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if d := s.DataSource; d != nil {
		errs = append(errs, dataSource(d.APIGroup, d.Kind, d.Name, p.Child("dataSource"))...)
	}
	if d := s.DataSourceRef; d != nil {
		errs = append(errs, dataSource(d.APIGroup, d.Kind, d.Name, p.Child("dataSourceRef"))...)
		if ns := ptr.Deref(d.Namespace, ""); ns != "" {
			errs = append(errs, meta.Invalid(ns, p.Child("dataSourceRef", "namespace"), validation.IsDNS1123Label(ns))...)
		}
	}
	if s.DataSource != nil && s.DataSourceRef != nil && !sameDataSource(s.DataSource, s.DataSourceRef) {
		errs = append(errs, field.Invalid(p, p.Child("dataSource"), "must match dataSourceRef"))
	}
	if s.DataSource != nil && s.DataSourceRef != nil && ptr.Deref(s.DataSourceRef.Namespace, "") != "" {
		errs = append(errs, field.Invalid(p, p.Child("dataSource"), "may not be specified when dataSourceRef.namespace is specified"))
	}
	return errs
}

func sameDataSource(d *v1.TypedLocalObjectReference, ref *v1.TypedObjectReference) bool {
	return ptr.Equal(d.APIGroup, ref.APIGroup) && d.Kind == ref.Kind && d.Name == ref.Name
}

// dataSource rules a reference: of the core group it can only be another claim.
func dataSource(group *string, kind, name string, p *field.Path) field.ErrorList {
	errs := meta.Required(name, p.Child("name"))
	errs = append(errs, meta.Required(kind, p.Child("kind"))...)
	g := ptr.Deref(group, "")
	if g == "" {
		if kind != "PersistentVolumeClaim" {
			errs = append(errs, field.Invalid(p, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
		}
		return errs
	}
	return append(errs, meta.Invalid(g, p.Child("apiGroup"), validation.IsDNS1123Subdomain(g))...)
}

// ValidatePersistentVolumeClaimUpdate lets a claim be bound, and a bound claim grow and change its attributes class.
func ValidatePersistentVolumeClaimUpdate(newC, oldC *v1.PersistentVolumeClaim) field.ErrorList {
	p := field.NewPath("spec")
	errs := meta.Update(&newC.ObjectMeta, &oldC.ObjectMeta)
	errs = append(errs, ValidatePersistentVolumeClaim(newC)...)
	n, o := newC.DeepCopy(), oldC.DeepCopy()
	if o.Spec.VolumeName == "" {
		n.Spec.VolumeName = o.Spec.VolumeName
	}
	errs = append(errs, storageClassUpdate(newC, oldC)...)
	if mayNameClass(newC, oldC) {
		n.Spec.StorageClassName = o.Spec.StorageClassName
	}
	if oldC.Status.Phase == v1.ClaimBound {
		errs = append(errs, claimSize(newC, oldC, p)...)
		errs = append(errs, attributesClass(newC, oldC, p.Child("volumeAttributesClassName"))...)
		if n.Spec.Resources.Requests != nil {
			n.Spec.Resources.Requests[v1.ResourceStorage] = o.Spec.Resources.Requests[v1.ResourceStorage]
		}
		n.Spec.VolumeAttributesClassName = o.Spec.VolumeAttributesClassName
	}
	if !apiequality.Semantic.DeepEqual(n.Spec, o.Spec) {
		errs = append(errs, field.Forbidden(p, fmt.Sprintf("spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n%v",
			diff.Diff(o.Spec, n.Spec))))
	}
	return append(errs, meta.Immutable(newC.Spec.VolumeMode, oldC.Spec.VolumeMode, p.Child("volumeMode"))...)
}

// storageClassUpdate keeps the annotation that named the class before there was a field, unless the field takes its place.
func storageClassUpdate(newC, oldC *v1.PersistentVolumeClaim) field.ErrorList {
	was, is := oldC.Annotations[v1.BetaStorageClassAnnotation], newC.Annotations[v1.BetaStorageClassAnnotation]
	if was == is || classFromAnnotation(newC, oldC) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata", "annotations", v1.BetaStorageClassAnnotation), is, "field is immutable")}
}

// mayNameClass lets a claim without any class get one (KEP-3333), and one with the annotation get the same by the field.
func mayNameClass(newC, oldC *v1.PersistentVolumeClaim) bool {
	_, annotated := oldC.Annotations[v1.BetaStorageClassAnnotation]
	return oldC.Spec.StorageClassName == nil && !annotated || classFromAnnotation(newC, oldC)
}

// classFromAnnotation says whether the class that a claim had by annotation only becomes its field.
func classFromAnnotation(newC, oldC *v1.PersistentVolumeClaim) bool {
	was, annotated := oldC.Annotations[v1.BetaStorageClassAnnotation]
	is, kept := newC.Annotations[v1.BetaStorageClassAnnotation]
	class := newC.Spec.StorageClassName
	return annotated && oldC.Spec.StorageClassName == nil && class != nil && *class == was && (!kept || is == was)
}

// claimSize lets the request of a bound claim grow, and shrink again down to what the volume has (KEP-1790).
func claimSize(newC, oldC *v1.PersistentVolumeClaim, p *field.Path) field.ErrorList {
	newSize, oldSize := newC.Spec.Resources.Requests[v1.ResourceStorage], oldC.Spec.Resources.Requests[v1.ResourceStorage]
	capacity := oldC.Status.Capacity[v1.ResourceStorage]
	if newSize.Cmp(oldSize) < 0 && newSize.Cmp(capacity) <= 0 {
		return field.ErrorList{field.Forbidden(p.Child("resources", "requests", "storage"), "field can not be less than status.capacity")}
	}
	return nil
}

// attributesClass lets a wish that cannot be met be taken back, but not the class that the volume has already (KEP-3751).
func attributesClass(newC, oldC *v1.PersistentVolumeClaim, p *field.Path) field.ErrorList {
	n, o := newC.Spec.VolumeAttributesClassName, oldC.Spec.VolumeAttributesClassName
	if ptr.Deref(oldC.Status.CurrentVolumeAttributesClassName, "") == "" || ptr.Deref(o, "") == "" || ptr.Deref(n, "") != "" {
		return nil
	}
	if n == nil {
		return field.ErrorList{field.Forbidden(p, "update from non-nil value to nil is forbidden")}
	}
	return field.ErrorList{field.Forbidden(p, "update from non-empty value to empty value is forbidden")}
}

// ValidatePersistentVolumeClaimStatusUpdate rules what the controllers of a claim report.
func ValidatePersistentVolumeClaimStatusUpdate(newC, oldC *v1.PersistentVolumeClaim) field.ErrorList {
	p := field.NewPath("status")
	errs := meta.Update(&newC.ObjectMeta, &oldC.ObjectMeta)
	if newC.ResourceVersion == "" {
		errs = append(errs, field.Required(field.NewPath("resourceVersion"), ""))
	}
	if len(newC.Spec.AccessModes) == 0 {
		errs = append(errs, field.Required(field.NewPath("Spec", "accessModes"), ""))
	}
	for _, name := range sortedNames(newC.Status.Capacity) {
		errs = append(errs, resourceQuantity(name, newC.Status.Capacity[name], p.Child("capacity").Key(string(name)))...)
	}
	ap := p.Child("allocatedResources")
	for _, name := range sortedNames(newC.Status.AllocatedResources) {
		np := ap.Key(string(name))
		errs = append(errs, claimResourceName(name, np)...)
		errs = append(errs, resourceQuantity(name, newC.Status.AllocatedResources[name], np)...)
	}
	known := sets.New(v1.PersistentVolumeClaimControllerResizeInProgress, v1.PersistentVolumeClaimControllerResizeInfeasible,
		v1.PersistentVolumeClaimNodeResizePending, v1.PersistentVolumeClaimNodeResizeInProgress, v1.PersistentVolumeClaimNodeResizeInfeasible)
	for name, status := range newC.Status.AllocatedResourceStatuses {
		np := p.Child("allocatedResourceStatus").Key(string(name))
		errs = append(errs, claimResourceName(name, np)...)
		if !known.Has(status) {
			errs = append(errs, field.NotSupported(np, status, sets.List(known)))
		}
	}
	return errs
}

func claimResourceName(name v1.ResourceName, p *field.Path) field.ErrorList {
	errs := meta.QualifiedName(string(name), p)
	if name != v1.ResourceStorage && isNative(name) {
		errs = append(errs, field.NotSupported(p, name, []v1.ResourceName{v1.ResourceStorage}))
	}
	return errs
}
