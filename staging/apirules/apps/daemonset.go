package apps

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/core"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

// NormalizeDaemonSet normalises the pod template.
func NormalizeDaemonSet(d *appsv1.DaemonSet) { core.NormalizePodTemplateSpec(&d.Spec.Template) }

// SetDaemonSetDefaults fills update strategy, history and template.
func SetDaemonSetDefaults(d *appsv1.DaemonSet) {
	core.SetPodTemplateSpecDefaults(&d.Spec.Template)
	u := &d.Spec.UpdateStrategy
	if u.Type == "" {
		u.Type = appsv1.RollingUpdateDaemonSetStrategyType
	}
	if u.Type == appsv1.RollingUpdateDaemonSetStrategyType {
		if u.RollingUpdate == nil {
			u.RollingUpdate = &appsv1.RollingUpdateDaemonSet{}
		}
		if u.RollingUpdate.MaxUnavailable == nil {
			u.RollingUpdate.MaxUnavailable = ptr.To(intstr.FromInt32(1))
		}
		if u.RollingUpdate.MaxSurge == nil {
			u.RollingUpdate.MaxSurge = ptr.To(intstr.FromInt32(0))
		}
	}
	if d.Spec.RevisionHistoryLimit == nil {
		d.Spec.RevisionHistoryLimit = ptr.To[int32](defaultRevisions)
	}
}

// PrepareDaemonSet keeps the template generation, a field of older versions that apps/v1 shows as an annotation: 1 for a
// new daemon set (old is nil) and one more for each change of the template.
func PrepareDaemonSet(d, old *appsv1.DaemonSet) {
	generation := templateGeneration(d)
	if old == nil {
		generation = max(generation, 1)
	} else {
		generation = templateGeneration(old)
		if !apiequality.Semantic.DeepEqual(d.Spec.Template, old.Spec.Template) {
			generation++
		}
	}
	if d.Annotations == nil {
		d.Annotations = map[string]string{}
	}
	d.Annotations[appsv1.DeprecatedTemplateGeneration] = strconv.FormatInt(generation, 10)
}

// templateGeneration reads the annotation; 0 when it is missing or no number.
func templateGeneration(d *appsv1.DaemonSet) int64 {
	n, err := strconv.ParseInt(d.Annotations[appsv1.DeprecatedTemplateGeneration], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// ValidateDaemonSet reports faults of a new daemon set.
func ValidateDaemonSet(d *appsv1.DaemonSet) field.ErrorList {
	errs := meta.Namespaced(&d.ObjectMeta, meta.SubdomainName)
	return append(errs, daemonSetSpec(d, &appsv1.DaemonSetSpec{})...)
}

// ValidateDaemonSetUpdate reports faults of a daemon set that is to replace old; its selector stays.
func ValidateDaemonSetUpdate(newD, old *appsv1.DaemonSet) field.ErrorList {
	errs := meta.Update(&newD.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, daemonSetSpec(newD, &old.Spec)...)
	errs = append(errs, meta.Immutable(newD.Spec.Selector, old.Spec.Selector, field.NewPath("spec", "selector"))...)
	if n, o := templateGeneration(newD), templateGeneration(old); n < o {
		errs = append(errs, field.Invalid(field.NewPath("spec", "templateGeneration"), n, "must not be decremented"))
	}
	return errs
}

func daemonSetSpec(d *appsv1.DaemonSet, old *appsv1.DaemonSetSpec) field.ErrorList {
	p, s := field.NewPath("spec"), &d.Spec
	tp := p.Child("template")
	errs := meta.Selector(s.Selector, p.Child("selector"), meta.SelectorHasInvalidValue(old.Selector))
	errs = append(errs, templateMatches(s.Selector, &s.Template, p.Child("selector"), tp)...)
	if s.Selector == nil {
		errs = append(errs, field.Required(p.Child("selector"), ""))
	} else if meta.EmptySelector(s.Selector) {
		errs = append(errs, field.Invalid(p.Child("selector"), s.Selector, "empty selector is invalid for daemonset"))
	}
	errs = append(errs, core.ValidatePodTemplateSpec(&s.Template, &old.Template, tp)...)
	// A daemon set has a pod on every node.
	errs = append(errs, core.ReadOnlyDisks(s.Template.Spec.Volumes, tp.Child("spec", "volumes"))...)
	errs = append(errs, runsForever(&s.Template, "DaemonSet", tp)...)
	errs = append(errs, meta.NonNegative(s.MinReadySeconds, p.Child("minReadySeconds"))...)
	errs = append(errs, meta.NonNegative(templateGeneration(d), p.Child("templateGeneration"))...)
	errs = append(errs, daemonSetStrategy(&s.UpdateStrategy, p.Child("updateStrategy"))...)
	if s.RevisionHistoryLimit != nil {
		errs = append(errs, meta.NonNegative(*s.RevisionHistoryLimit, p.Child("revisionHistoryLimit"))...)
	}
	return errs
}

func daemonSetStrategy(u *appsv1.DaemonSetUpdateStrategy, p *field.Path) field.ErrorList {
	switch u.Type {
	case appsv1.OnDeleteDaemonSetStrategyType:
		return nil
	case appsv1.RollingUpdateDaemonSetStrategyType:
		if u.RollingUpdate == nil {
			return field.ErrorList{field.Required(p.Child("rollingUpdate"), "")}
		}
		return rollingDaemonSet(u.RollingUpdate, p.Child("rollingUpdate"))
	}
	return field.ErrorList{field.NotSupported(p.Child("type"), u.Type, []appsv1.DaemonSetUpdateStrategyType{
		appsv1.RollingUpdateDaemonSetStrategyType, appsv1.OnDeleteDaemonSetStrategyType})}
}

// rollingDaemonSet wants exactly one of both numbers: old pods go first, or new ones come first.
func rollingDaemonSet(r *appsv1.RollingUpdateDaemonSet, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	unavailable, surge := ptr.Deref(r.MaxUnavailable, intstr.IntOrString{}), ptr.Deref(r.MaxSurge, intstr.IntOrString{})
	errs = append(errs, meta.IntOrPercent(unavailable, p.Child("maxUnavailable"))...)
	errs = append(errs, meta.AtMost100Percent(unavailable, p.Child("maxUnavailable"))...)
	errs = append(errs, meta.IntOrPercent(surge, p.Child("maxSurge"))...)
	errs = append(errs, meta.AtMost100Percent(surge, p.Child("maxSurge"))...)
	switch {
	case !meta.IsZero(&unavailable) && !meta.IsZero(&surge):
		errs = append(errs, field.Invalid(p.Child("maxSurge"), surge, "may not be set when maxUnavailable is non-zero"))
	case meta.IsZero(&unavailable) && meta.IsZero(&surge):
		errs = append(errs, field.Required(p.Child("maxUnavailable"), "cannot be 0 when maxSurge is 0"))
	}
	return errs
}

// ValidateDaemonSetStatusUpdate rules what the daemon set controller reports.
func ValidateDaemonSetStatusUpdate(newD, old *appsv1.DaemonSet) field.ErrorList {
	p, s := field.NewPath("status"), &newD.Status
	errs := meta.Update(&newD.ObjectMeta, &old.ObjectMeta)
	c := counts{-1, []part{{"currentNumberScheduled", s.CurrentNumberScheduled}, {"numberMisscheduled", s.NumberMisscheduled},
		{"desiredNumberScheduled", s.DesiredNumberScheduled}, {"numberReady", s.NumberReady}, {"updatedNumberScheduled", s.UpdatedNumberScheduled},
		{"numberAvailable", s.NumberAvailable}, {"numberUnavailable", s.NumberUnavailable}}}
	errs = append(errs, c.rules(p)...)
	errs = append(errs, meta.NonNegative(s.ObservedGeneration, p.Child("observedGeneration"))...)
	return append(errs, collisions(s.CollisionCount, old.Status.CollisionCount, p.Child("collisionCount"))...)
}

// DaemonSetWarnings tells of doubtful parts of the pod template.
func DaemonSetWarnings(newD, old *appsv1.DaemonSet) []string {
	if old != nil && newD.Generation == old.Generation {
		return nil
	}
	return core.PodTemplateSpecWarnings(&newD.Spec.Template, templateOf(old, func(d *appsv1.DaemonSet) *podTemplate { return &d.Spec.Template }), field.NewPath("spec", "template"))
}
