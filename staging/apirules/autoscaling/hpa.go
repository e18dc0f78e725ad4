package autoscaling

import (
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Limits of behaviours, in seconds: half an hour, and an hour.
const (
	maxPolicyPeriod        = 1800
	maxStabilizationWindow = 3600
)

// ValidateScale reports faults of a wanted number of replicas.
func ValidateScale(s *autoscalingv1.Scale) field.ErrorList {
	errs := apivalidation.ValidateObjectMeta(&s.ObjectMeta, true, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
	return append(errs, meta.NonNegative(s.Spec.Replicas, field.NewPath("spec", "replicas"))...)
}

// ValidateHorizontalPodAutoscaler reports faults of a new autoscaler.
func ValidateHorizontalPodAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	errs := meta.Namespaced(&h.ObjectMeta, meta.SubdomainName)
	return append(errs, hpaSpec(&h.Spec, tolerance{})...)
}

// ValidateHorizontalPodAutoscalerUpdate reports faults of an autoscaler that is to replace old.
func ValidateHorizontalPodAutoscalerUpdate(newH, old *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	errs := meta.Update(&newH.ObjectMeta, &old.ObjectMeta)
	return append(errs, hpaSpec(&newH.Spec, tolerance{
		zero:    old.Spec.MinReplicas != nil && *old.Spec.MinReplicas == 0,
		noGroup: withoutGroup(old.Spec.ScaleTargetRef),
	})...)
}

// tolerance lists the faults that an autoscaler may keep because the stored one has them.
type tolerance struct {
	zero    bool // minReplicas 0 (HPAScaleToZero is off by default)
	noGroup bool // a target whose apiVersion has no group
}

// ValidateHorizontalPodAutoscalerStatusUpdate rules what the autoscaler's controller reports.
func ValidateHorizontalPodAutoscalerStatusUpdate(newH, old *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	errs := meta.Update(&newH.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, meta.NonNegative(newH.Status.CurrentReplicas, field.NewPath("status", "currentReplicas"))...)
	return append(errs, meta.NonNegative(newH.Status.DesiredReplicas, field.NewPath("status", "desiredReplicas"))...)
}

func hpaSpec(s *autoscalingv2.HorizontalPodAutoscalerSpec, t tolerance) field.ErrorList {
	p := field.NewPath("spec")
	var errs field.ErrorList
	lowest := int32(1)
	if t.zero {
		lowest = 0
	}
	if s.MinReplicas != nil && *s.MinReplicas < lowest {
		errs = append(errs, field.Invalid(p.Child("minReplicas"), *s.MinReplicas, fmt.Sprintf("must be greater than or equal to %d", lowest)))
	}
	switch {
	case s.MaxReplicas == 0:
		errs = append(errs, field.Required(p.Child("maxReplicas"), ""))
	case s.MaxReplicas < 0:
		errs = append(errs, field.Invalid(p.Child("maxReplicas"), s.MaxReplicas, "must be greater than 0"))
	}
	if s.MinReplicas != nil && s.MaxReplicas < *s.MinReplicas {
		errs = append(errs, field.Invalid(p.Child("maxReplicas"), s.MaxReplicas, "must be greater than or equal to `minReplicas`"))
	}
	errs = append(errs, target(s.ScaleTargetRef, t.noGroup, p.Child("scaleTargetRef"))...)
	errs = append(errs, metrics(s.Metrics, p.Child("metrics"), s.MinReplicas)...)
	return append(errs, behavior(s.Behavior, p.Child("behavior"))...)
}

func target(ref autoscalingv2.CrossVersionObjectReference, mayHaveNoGroup bool, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if ref.Kind == "" {
		errs = append(errs, field.Required(p.Child("kind"), ""))
	} else {
		errs = append(errs, meta.Invalid(ref.Kind, p.Child("kind"), meta.PathSegmentName(ref.Kind, false))...)
	}
	if ref.Name == "" {
		errs = append(errs, field.Required(p.Child("name"), ""))
	} else {
		errs = append(errs, meta.Invalid(ref.Name, p.Child("name"), meta.PathSegmentName(ref.Name, false))...)
	}
	if _, err := schema.ParseGroupVersion(ref.APIVersion); err != nil {
		errs = append(errs, field.Invalid(p.Child("apiVersion"), ref.APIVersion, err.Error()))
	} else if withoutGroup(ref) && !mayHaveNoGroup {
		errs = append(errs, field.Invalid(p.Child("apiVersion"), ref.APIVersion, "apiVersion must specify API group"))
	}
	return errs
}

// withoutGroup says whether a target cannot be found: the core group has nothing to scale but replication controllers.
func withoutGroup(ref autoscalingv2.CrossVersionObjectReference) bool {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	return err == nil && gv.Group == "" && ref.Kind != "ReplicationController"
}

func behavior(b *autoscalingv2.HorizontalPodAutoscalerBehavior, p *field.Path) field.ErrorList {
	if b == nil {
		return nil
	}
	return append(scalingRules(b.ScaleUp, p.Child("scaleUp")), scalingRules(b.ScaleDown, p.Child("scaleDown"))...)
}

func scalingRules(r *autoscalingv2.HPAScalingRules, p *field.Path) field.ErrorList {
	if r == nil {
		return nil
	}
	var errs field.ErrorList
	if w := r.StabilizationWindowSeconds; w != nil {
		wp := p.Child("stabilizationWindowSeconds")
		errs = append(errs, meta.NonNegative(*w, wp)...)
		if *w > maxStabilizationWindow {
			errs = append(errs, field.Invalid(wp, *w, fmt.Sprintf("must be less than or equal to %v", maxStabilizationWindow)))
		}
	}
	if r.SelectPolicy != nil {
		errs = append(errs, meta.In(*r.SelectPolicy, p.Child("selectPolicy"), autoscalingv2.DisabledPolicySelect,
			autoscalingv2.MaxChangePolicySelect, autoscalingv2.MinChangePolicySelect)...)
	}
	if len(r.Policies) == 0 {
		errs = append(errs, field.Required(p.Child("policies"), "must specify at least one Policy"))
	}
	for i := range r.Policies {
		errs = append(errs, policy(&r.Policies[i], p.Child("policies").Index(i))...)
	}
	if r.Tolerance != nil && r.Tolerance.Sign() < 0 {
		errs = append(errs, field.Invalid(p.Child("tolerance"), r.Tolerance.String(), meta.MustBeNonNegative))
	}
	return errs
}

func policy(s *autoscalingv2.HPAScalingPolicy, p *field.Path) field.ErrorList {
	errs := meta.In(s.Type, p.Child("type"), autoscalingv2.PercentScalingPolicy, autoscalingv2.PodsScalingPolicy)
	if s.Value <= 0 {
		errs = append(errs, field.Invalid(p.Child("value"), s.Value, "must be greater than zero"))
	}
	if s.PeriodSeconds <= 0 {
		errs = append(errs, field.Invalid(p.Child("periodSeconds"), s.PeriodSeconds, "must be greater than zero"))
	}
	if s.PeriodSeconds > maxPolicyPeriod {
		errs = append(errs, field.Invalid(p.Child("periodSeconds"), s.PeriodSeconds, fmt.Sprintf("must be less than or equal to %v", maxPolicyPeriod)))
	}
	return errs
}
