package apps

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/core"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Defaults of deployments.
const (
	defaultRevisions        = 10
	defaultProgressDeadline = 600
	defaultRollingShare     = "25%"
)

// NormalizeDeployment normalises the pod template.
func NormalizeDeployment(d *appsv1.Deployment) { core.NormalizePodTemplateSpec(&d.Spec.Template) }

// SetDeploymentDefaults fills replicas, strategy and limits of a deployment.
func SetDeploymentDefaults(d *appsv1.Deployment) {
	core.SetPodTemplateSpecDefaults(&d.Spec.Template)
	s := &d.Spec
	if s.Replicas == nil {
		s.Replicas = ptr.To[int32](1)
	}
	if s.Strategy.Type == "" {
		s.Strategy.Type = appsv1.RollingUpdateDeploymentStrategyType
	}
	if s.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		if s.Strategy.RollingUpdate == nil {
			s.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{}
		}
		r := s.Strategy.RollingUpdate
		if r.MaxUnavailable == nil {
			r.MaxUnavailable = ptr.To(intstr.FromString(defaultRollingShare))
		}
		if r.MaxSurge == nil {
			r.MaxSurge = ptr.To(intstr.FromString(defaultRollingShare))
		}
	}
	if s.RevisionHistoryLimit == nil {
		s.RevisionHistoryLimit = ptr.To[int32](defaultRevisions)
	}
	if s.ProgressDeadlineSeconds == nil {
		s.ProgressDeadlineSeconds = ptr.To[int32](defaultProgressDeadline)
	}
}

// ValidateDeployment reports faults of a new deployment.
func ValidateDeployment(d *appsv1.Deployment) field.ErrorList {
	errs := meta.Namespaced(&d.ObjectMeta, meta.SubdomainName)
	return append(errs, deploymentSpec(d, nil)...)
}

// ValidateDeploymentUpdate reports faults of a deployment that is to replace old; its selector stays.
func ValidateDeploymentUpdate(newD, old *appsv1.Deployment) field.ErrorList {
	errs := meta.Update(&newD.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, deploymentSpec(newD, old)...)
	return append(errs, meta.Immutable(newD.Spec.Selector, old.Spec.Selector, field.NewPath("spec", "selector"))...)
}

func deploymentSpec(d, old *appsv1.Deployment) field.ErrorList {
	p, s := field.NewPath("spec"), &d.Spec
	was := &appsv1.DeploymentSpec{}
	if old != nil {
		was = &old.Spec
	}
	errs := rollbackTo(d)
	errs = append(errs, meta.NonNegative(ptr.Deref(s.Replicas, 0), p.Child("replicas"))...)
	errs = append(errs, selectorRules(s.Selector, was.Selector, "deployment", p.Child("selector"))...)
	errs = append(errs, templateForReplicas(&s.Template, &was.Template, s.Selector, ptr.Deref(s.Replicas, 0), p.Child("selector"), p.Child("template"))...)
	errs = append(errs, deploymentStrategy(&s.Strategy, p.Child("strategy"))...)
	errs = append(errs, meta.NonNegative(s.MinReadySeconds, p.Child("minReadySeconds"))...)
	if s.RevisionHistoryLimit != nil {
		errs = append(errs, meta.NonNegative(*s.RevisionHistoryLimit, p.Child("revisionHistoryLimit"))...)
	}
	if v := s.ProgressDeadlineSeconds; v != nil {
		errs = append(errs, meta.NonNegative(*v, p.Child("progressDeadlineSeconds"))...)
		if *v <= s.MinReadySeconds {
			errs = append(errs, field.Invalid(p.Child("progressDeadlineSeconds"), *v, "must be greater than minReadySeconds"))
		}
	}
	return errs
}

// rollbackTo rules the annotation that stands for a field of older versions.
func rollbackTo(d *appsv1.Deployment) field.ErrorList {
	value, ok := d.Annotations[appsv1.DeprecatedRollbackTo]
	if !ok {
		return nil
	}
	if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < 0 {
		return field.ErrorList{field.Invalid(field.NewPath("metadata", "annotations").Key(appsv1.DeprecatedRollbackTo), value, "must be a non-negative integer")}
	}
	return nil
}

func deploymentStrategy(s *appsv1.DeploymentStrategy, p *field.Path) field.ErrorList {
	switch s.Type {
	case appsv1.RecreateDeploymentStrategyType:
		if s.RollingUpdate != nil {
			return field.ErrorList{field.Forbidden(p.Child("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'")}
		}
		return nil
	case appsv1.RollingUpdateDeploymentStrategyType:
		if s.RollingUpdate == nil {
			return field.ErrorList{field.Required(p.Child("rollingUpdate"), "this should be defaulted and never be nil")}
		}
		return rollingDeployment(s.RollingUpdate, p.Child("rollingUpdate"))
	}
	return field.ErrorList{field.NotSupported(p.Child("type"), s.Type, []appsv1.DeploymentStrategyType{
		appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType})}
}

// rollingDeployment wants some way forward: pods above the wanted number or below it.
func rollingDeployment(r *appsv1.RollingUpdateDeployment, p *field.Path) field.ErrorList {
	unavailable, surge := ptr.Deref(r.MaxUnavailable, intstr.IntOrString{}), ptr.Deref(r.MaxSurge, intstr.IntOrString{})
	errs := meta.IntOrPercent(unavailable, p.Child("maxUnavailable"))
	errs = append(errs, meta.IntOrPercent(surge, p.Child("maxSurge"))...)
	if meta.IsZero(&unavailable) && meta.IsZero(&surge) {
		errs = append(errs, field.Invalid(p.Child("maxUnavailable"), unavailable, "may not be 0 when `maxSurge` is 0"))
	}
	return append(errs, meta.AtMost100Percent(unavailable, p.Child("maxUnavailable"))...)
}

// ValidateDeploymentStatusUpdate rules what the deployment controller reports.
func ValidateDeploymentStatusUpdate(newD, old *appsv1.Deployment) field.ErrorList {
	p, s := field.NewPath("status"), &newD.Status
	errs := meta.Update(&newD.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, meta.NonNegative(s.ObservedGeneration, p.Child("observedGeneration"))...)
	errs = append(errs, meta.NonNegative(s.Replicas, p.Child("replicas"))...)
	errs = append(errs, meta.NonNegative(s.UnavailableReplicas, p.Child("unavailableReplicas"))...)
	errs = append(errs, meta.NonNegative(ptr.Deref(s.TerminatingReplicas, 0), p.Child("terminatingReplicas"))...)
	c := counts{s.Replicas, []part{{"updatedReplicas", s.UpdatedReplicas}, {"readyReplicas", s.ReadyReplicas}, {"availableReplicas", s.AvailableReplicas}}}
	errs = append(errs, c.rules(p)...)
	if s.AvailableReplicas > s.ReadyReplicas {
		errs = append(errs, field.Invalid(p.Child("availableReplicas"), s.AvailableReplicas, "cannot be greater than readyReplicas"))
	}
	return append(errs, collisions(s.CollisionCount, old.Status.CollisionCount, p.Child("collisionCount"))...)
}

// DeploymentWarnings tells of doubtful parts of the pod template.
func DeploymentWarnings(newD, old *appsv1.Deployment) []string {
	if old != nil && newD.Generation == old.Generation {
		return nil
	}
	return core.PodTemplateSpecWarnings(&newD.Spec.Template, templateOf(old, func(d *appsv1.Deployment) *podTemplate { return &d.Spec.Template }), field.NewPath("spec", "template"))
}
