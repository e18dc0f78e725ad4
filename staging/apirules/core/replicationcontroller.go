package core

import (
	"maps"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// NormalizeReplicationController normalises the pod template.
func NormalizeReplicationController(rc *v1.ReplicationController) {
	if rc.Spec.Template != nil {
		NormalizePodTemplateSpec(rc.Spec.Template)
	}
}

// SetReplicationControllerDefaults fills replicas and takes labels and selector from the pod template where they are
// missing.
func SetReplicationControllerDefaults(rc *v1.ReplicationController) {
	orElsePtr(&rc.Spec.Replicas, 1)
	if rc.Spec.Template == nil {
		return
	}
	SetPodTemplateSpecDefaults(rc.Spec.Template)
	l := rc.Spec.Template.Labels
	if len(l) == 0 {
		return
	}
	if len(rc.Spec.Selector) == 0 {
		rc.Spec.Selector = maps.Clone(l)
	}
	if len(rc.Labels) == 0 {
		rc.Labels = maps.Clone(l)
	}
}

// ValidateReplicationController reports faults of a new replication controller.
func ValidateReplicationController(rc *v1.ReplicationController) field.ErrorList {
	errs := meta.Namespaced(&rc.ObjectMeta, meta.SubdomainName)
	return append(errs, replicationControllerSpec(&rc.Spec, nil)...)
}

// ValidateReplicationControllerUpdate reports faults of a replication controller that is to replace old.
func ValidateReplicationControllerUpdate(newRC, old *v1.ReplicationController) field.ErrorList {
	errs := meta.Update(&newRC.ObjectMeta, &old.ObjectMeta)
	return append(errs, replicationControllerSpec(&newRC.Spec, &old.Spec)...)
}

func replicationControllerSpec(s, old *v1.ReplicationControllerSpec) field.ErrorList {
	p := field.NewPath("spec")
	replicas := ptr.Deref(s.Replicas, 0)
	errs := meta.NonNegative(s.MinReadySeconds, p.Child("minReadySeconds"))
	if len(s.Selector) == 0 {
		errs = append(errs, field.Required(p.Child("selector"), ""))
	}
	if s.Replicas == nil {
		errs = append(errs, field.Required(p.Child("replicas"), ""))
	} else {
		errs = append(errs, meta.NonNegative(replicas, p.Child("replicas"))...)
	}
	tp := p.Child("template")
	if s.Template == nil {
		return append(errs, field.Required(tp, ""))
	}
	if sel := labels.Set(s.Selector).AsSelectorPreValidated(); !sel.Empty() && !sel.Matches(labels.Set(s.Template.Labels)) {
		errs = append(errs, field.Invalid(tp.Child("metadata", "labels"), s.Template.Labels, "`selector` does not match template `labels`"))
	}
	var was *v1.PodTemplateSpec
	if old != nil {
		was = old.Template
	}
	errs = append(errs, ValidatePodTemplateSpec(s.Template, was, tp)...)
	if replicas > 1 {
		errs = append(errs, ReadOnlyDisks(s.Template.Spec.Volumes, tp.Child("spec", "volumes"))...)
	}
	if s.Template.Spec.RestartPolicy != v1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(tp.Child("spec", "restartPolicy"), s.Template.Spec.RestartPolicy, []v1.RestartPolicy{v1.RestartPolicyAlways}))
	}
	if s.Template.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(tp.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in ReplicationController is not Supported"))
	}
	return errs
}

// ValidateReplicationControllerStatusUpdate rules what the replication controller manager reports.
func ValidateReplicationControllerStatusUpdate(newRC, old *v1.ReplicationController) field.ErrorList {
	p, s := field.NewPath("status"), &newRC.Status
	errs := meta.Update(&newRC.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, meta.NonNegative(s.Replicas, p.Child("replicas"))...)
	errs = append(errs, meta.NonNegative(s.ObservedGeneration, p.Child("observedGeneration"))...)
	for _, part := range []struct {
		name string
		n    int32
	}{{"fullyLabeledReplicas", s.FullyLabeledReplicas}, {"readyReplicas", s.ReadyReplicas}, {"availableReplicas", s.AvailableReplicas}} {
		errs = append(errs, meta.NonNegative(part.n, p.Child(part.name))...)
		if part.n > s.Replicas {
			errs = append(errs, field.Invalid(p.Child(part.name), part.n, "cannot be greater than status.replicas"))
		}
	}
	if s.AvailableReplicas > s.ReadyReplicas {
		errs = append(errs, field.Invalid(p.Child("availableReplicas"), s.AvailableReplicas, "cannot be greater than readyReplicas"))
	}
	return errs
}

// ReplicationControllerWarnings tells of doubtful parts of the pod template.
func ReplicationControllerWarnings(newRC, old *v1.ReplicationController) []string {
	if newRC.Spec.Template == nil || old != nil && newRC.Generation == old.Generation {
		return nil
	}
	var was *v1.PodTemplateSpec
	if old != nil {
		was = old.Spec.Template
	}
	return PodTemplateSpecWarnings(newRC.Spec.Template, was, field.NewPath("spec", "template"))
}
