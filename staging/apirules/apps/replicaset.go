package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/core"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

type podTemplate = v1.PodTemplateSpec

// templateOf returns the template of a stored object, if there is one.
func templateOf[T any](old *T, template func(*T) *podTemplate) *podTemplate {
	if old == nil {
		return nil
	}
	return template(old)
}

// NormalizeReplicaSet normalises the pod template.
func NormalizeReplicaSet(r *appsv1.ReplicaSet) { core.NormalizePodTemplateSpec(&r.Spec.Template) }

// SetReplicaSetDefaults fills replicas and the template.
func SetReplicaSetDefaults(r *appsv1.ReplicaSet) {
	core.SetPodTemplateSpecDefaults(&r.Spec.Template)
	if r.Spec.Replicas == nil {
		r.Spec.Replicas = ptr.To[int32](1)
	}
}

// ValidateReplicaSet reports faults of a new replica set.
func ValidateReplicaSet(r *appsv1.ReplicaSet) field.ErrorList {
	errs := meta.Namespaced(&r.ObjectMeta, meta.SubdomainName)
	return append(errs, replicaSetSpec(&r.Spec, nil)...)
}

// ValidateReplicaSetUpdate reports faults of a replica set that is to replace old; its selector stays.
func ValidateReplicaSetUpdate(newR, old *appsv1.ReplicaSet) field.ErrorList {
	errs := meta.Update(&newR.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, replicaSetSpec(&newR.Spec, &old.Spec)...)
	return append(errs, meta.Immutable(newR.Spec.Selector, old.Spec.Selector, field.NewPath("spec", "selector"))...)
}

func replicaSetSpec(s, old *appsv1.ReplicaSetSpec) field.ErrorList {
	if old == nil {
		old = &appsv1.ReplicaSetSpec{}
	}
	p := field.NewPath("spec")
	replicas := ptr.Deref(s.Replicas, 0)
	errs := meta.NonNegative(replicas, p.Child("replicas"))
	errs = append(errs, meta.NonNegative(s.MinReadySeconds, p.Child("minReadySeconds"))...)
	errs = append(errs, selectorRules(s.Selector, old.Selector, "deployment", p.Child("selector"))...)
	return append(errs, templateForReplicas(&s.Template, &old.Template, s.Selector, replicas, p.Child("selector"), p.Child("template"))...)
}

// ValidateReplicaSetStatusUpdate rules what the replica set controller reports.
func ValidateReplicaSetStatusUpdate(newR, old *appsv1.ReplicaSet) field.ErrorList {
	p, s := field.NewPath("status"), &newR.Status
	errs := meta.Update(&newR.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, meta.NonNegative(s.Replicas, p.Child("replicas"))...)
	errs = append(errs, meta.NonNegative(s.ObservedGeneration, p.Child("observedGeneration"))...)
	errs = append(errs, meta.NonNegative(ptr.Deref(s.TerminatingReplicas, 0), p.Child("terminatingReplicas"))...)
	c := counts{s.Replicas, []part{{"fullyLabeledReplicas", s.FullyLabeledReplicas}, {"readyReplicas", s.ReadyReplicas}, {"availableReplicas", s.AvailableReplicas}}}
	errs = append(errs, c.rules(p)...)
	if s.AvailableReplicas > s.ReadyReplicas {
		errs = append(errs, field.Invalid(p.Child("availableReplicas"), s.AvailableReplicas, "cannot be greater than readyReplicas"))
	}
	return errs
}

// ReplicaSetWarnings tells of doubtful parts of the pod template.
func ReplicaSetWarnings(newR, old *appsv1.ReplicaSet) []string {
	if old != nil && newR.Generation == old.Generation {
		return nil
	}
	return core.PodTemplateSpecWarnings(&newR.Spec.Template, templateOf(old, func(r *appsv1.ReplicaSet) *podTemplate { return &r.Spec.Template }), field.NewPath("spec", "template"))
}
