package apps

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/core"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

// selectorRules rules the selector of a controller: there, not empty, and well formed. oldSel is the stored one, whose
// odd values are tolerated.
func selectorRules(sel, oldSel *metav1.LabelSelector, kind string, p *field.Path) field.ErrorList {
	if sel == nil {
		return field.ErrorList{field.Required(p, "")}
	}
	errs := meta.Selector(sel, p, meta.SelectorHasInvalidValue(oldSel))
	if meta.EmptySelector(sel) {
		errs = append(errs, field.Invalid(p, sel, "empty selector is invalid for "+kind))
	}
	return errs
}

// templateMatches wants a controller to select the pods that it makes.
func templateMatches(sel *metav1.LabelSelector, t *v1.PodTemplateSpec, selPath, p *field.Path) field.ErrorList {
	if sel == nil {
		return nil
	}
	s, err := metav1.LabelSelectorAsSelector(sel)
	if err != nil {
		return field.ErrorList{field.Invalid(selPath, sel, "invalid label selector")}
	}
	if s.Empty() || s.Matches(labels.Set(t.Labels)) {
		return nil
	}
	return field.ErrorList{field.Invalid(p.Child("metadata", "labels"), t.Labels, "`selector` does not match template `labels`")}
}

// runsForever wants pods that are restarted whenever they end.
func runsForever(t *v1.PodTemplateSpec, kind string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Spec.RestartPolicy != v1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(p.Child("spec", "restartPolicy"), t.Spec.RestartPolicy, []v1.RestartPolicy{v1.RestartPolicyAlways}))
	}
	if t.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(p.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in "+kind+" is not Supported"))
	}
	return errs
}

// templateForReplicas rules the template of a controller of replicas pods.
func templateForReplicas(t, old *v1.PodTemplateSpec, sel *metav1.LabelSelector, replicas int32, selPath, p *field.Path) field.ErrorList {
	errs := templateMatches(sel, t, selPath, p)
	errs = append(errs, core.ValidatePodTemplateSpec(t, old, p)...)
	if replicas > 1 {
		errs = append(errs, core.ReadOnlyDisks(t.Spec.Volumes, p.Child("spec", "volumes"))...)
	}
	return append(errs, runsForever(t, "ReplicaSet", p)...)
}

// counts are the numbers of replicas that a controller reports.
type counts struct {
	replicas int32
	parts    []part
}

// part is one of the numbers, by its JSON name.
type part struct {
	name string
	n    int32
}

// rules wants no number to be negative and none above the total; kinds without a total leave it at -1.
func (c counts) rules(p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, q := range c.parts {
		errs = append(errs, meta.NonNegative(q.n, p.Child(q.name))...)
	}
	if c.replicas < 0 {
		return errs
	}
	for _, q := range c.parts {
		if q.n > c.replicas {
			errs = append(errs, field.Invalid(p.Child(q.name), q.n, "cannot be greater than status.replicas"))
		}
	}
	return errs
}

// collisions wants the collision count not to fall, which would name a revision twice.
func collisions(n, o *int32, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if n != nil {
		errs = append(errs, meta.NonNegative(*n, p)...)
	}
	if o != nil && (n == nil || *n < *o) {
		value := int32(0)
		if n != nil {
			value = *n
		}
		errs = append(errs, field.Invalid(p, value, "cannot be decremented"))
	}
	return errs
}
