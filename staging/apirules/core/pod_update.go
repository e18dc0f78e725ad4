package core

import (
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

const podUpdatableFields = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`," +
	"`spec.tolerations` (only additions to existing tolerations)," +
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

// ValidatePodUpdate reports faults of a pod that is to replace old, and changes of what a pod keeps for life.
func ValidatePodUpdate(newPod, old *v1.Pod) field.ErrorList {
	p := field.NewPath("spec")
	errs := meta.Update(&newPod.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, validatePod(newPod, tolerated(&old.Spec), !validDeletionCost(old.Annotations))...)
	errs = append(errs, mirrorAnnotation(newPod, old)...)
	if len(newPod.Spec.Containers) != len(old.Spec.Containers) {
		return append(errs, field.Forbidden(p.Child("containers"), "pod updates may not add or remove containers"))
	}
	if len(newPod.Spec.InitContainers) != len(old.Spec.InitContainers) {
		return append(errs, field.Forbidden(p.Child("initContainers"), "pod updates may not add or remove containers"))
	}
	errs = append(errs, deadlineUpdate(newPod, old, p.Child("activeDeadlineSeconds"))...)
	errs = append(errs, gatesUpdate(newPod, old, p)...)
	errs = append(errs, tolerationsUpdate(newPod, old, p.Child("tolerations"))...)
	gated, gatedErrs := gatedUpdate(newPod, old, p)
	errs = append(errs, gatedErrs...)
	if len(errs) > 0 {
		return errs // the difference would only repeat them
	}
	if kept := withUpdatableFieldsOf(newPod, &old.Spec, gated); !apiequality.Semantic.DeepEqual(*kept, old.Spec) {
		errs = append(errs, field.Forbidden(p, fmt.Sprintf("pod updates may not change fields other than %s\n%v", podUpdatableFields, diff.Diff(old.Spec, *kept))))
	}
	return errs
}

// mirrorAnnotation keeps the mark by which a kubelet knows the pods that it mirrors.
func mirrorAnnotation(newPod, old *v1.Pod) field.ErrorList {
	n, hasNew := newPod.Annotations[v1.MirrorPodAnnotationKey]
	o, hadOld := old.Annotations[v1.MirrorPodAnnotationKey]
	p := field.NewPath("metadata", "annotations").Key(v1.MirrorPodAnnotationKey)
	switch {
	case hasNew && !hadOld:
		return field.ErrorList{field.Forbidden(p, "may not add mirror pod annotation")}
	case !hasNew && hadOld:
		return field.ErrorList{field.Forbidden(p, "may not remove mirror pod annotation")}
	case n != o:
		return field.ErrorList{field.Invalid(p, n, "may not modify mirror pod annotation")}
	}
	return nil
}

// withUpdatableFieldsOf returns a copy of the new spec in which all that may change is as in the old one.
func withUpdatableFieldsOf(newPod *v1.Pod, old *v1.PodSpec, gated bool) *v1.PodSpec {
	s := newPod.Spec.DeepCopy()
	for i := range s.Containers {
		s.Containers[i].Image = old.Containers[i].Image
	}
	for i := range s.InitContainers {
		s.InitContainers[i].Image = old.InitContainers[i].Image
	}
	s.ActiveDeadlineSeconds = old.ActiveDeadlineSeconds
	s.SchedulingGates = old.SchedulingGates
	s.Tolerations = old.Tolerations
	if g := old.TerminationGracePeriodSeconds; g != nil && *g < 0 && s.TerminationGracePeriodSeconds != nil && *s.TerminationGracePeriodSeconds == 1 {
		s.TerminationGracePeriodSeconds = g
	}
	if gated {
		s.NodeSelector = old.NodeSelector
		keepNodeAffinity(s, old)
	}
	return s
}

// keepNodeAffinity puts the old node affinity in place of the new.
func keepNodeAffinity(s, old *v1.PodSpec) {
	var was *v1.NodeAffinity
	if old.Affinity != nil {
		was = old.Affinity.NodeAffinity
	}
	switch {
	case s.Affinity == nil && was == nil:
	case s.Affinity == nil:
		s.Affinity = &v1.Affinity{NodeAffinity: was}
	default:
		s.Affinity.NodeAffinity = was
		if old.Affinity == nil && *s.Affinity == (v1.Affinity{}) {
			s.Affinity = nil
		}
	}
}

// deadlineUpdate lets a deadline appear or shrink.
func deadlineUpdate(newPod, old *v1.Pod, p *field.Path) field.ErrorList {
	n, o := newPod.Spec.ActiveDeadlineSeconds, old.Spec.ActiveDeadlineSeconds
	switch {
	case n != nil && o != nil && *n > *o:
		return field.ErrorList{field.Invalid(p, *n, "must be less than or equal to previous value")}
	case n == nil && o != nil:
		return field.ErrorList{field.Invalid(p, n, "must not update from a positive integer to nil value")}
	}
	return nil
}

// gatesUpdate lets scheduling gates only go away (KEP-3521).
func gatesUpdate(newPod, old *v1.Pod, p *field.Path) field.ErrorList {
	was := sets.New[string]()
	for _, g := range old.Spec.SchedulingGates {
		was.Insert(g.Name)
	}
	var errs field.ErrorList
	for _, g := range newPod.Spec.SchedulingGates {
		if !was.Has(g.Name) {
			errs = append(errs, field.Forbidden(p.Child("schedulingGates"), fmt.Sprintf("only deletion is allowed, but found new scheduling gate '%s'", g.Name)))
		}
	}
	if newPod.Spec.NodeName != "" && old.Spec.NodeName == "" && len(newPod.Spec.SchedulingGates) > 0 {
		errs = append(errs, field.Forbidden(p.Child("nodeName"), "cannot be set until all schedulingGates have been cleared"))
	}
	return errs
}

// tolerationsUpdate lets tolerations be added, and tolerationSeconds of old ones change.
func tolerationsUpdate(newPod, old *v1.Pod, p *field.Path) field.ErrorList {
	for i := range old.Spec.Tolerations {
		was := old.Spec.Tolerations[i]
		was.TolerationSeconds = nil
		if !slices.ContainsFunc(newPod.Spec.Tolerations, func(is v1.Toleration) bool {
			is.TolerationSeconds = nil
			return is == was
		}) {
			return field.ErrorList{field.Forbidden(p, "existing toleration can not be modified except its tolerationSeconds")}
		}
	}
	return nil
}

// gatedUpdate lets a pod that waits behind gates become choosier about nodes. It tells whether the pod does.
func gatedUpdate(newPod, old *v1.Pod, p *field.Path) (bool, field.ErrorList) {
	if len(old.Spec.SchedulingGates) == 0 {
		return false, nil
	}
	var errs field.ErrorList
	for key, value := range old.Spec.NodeSelector {
		if is, ok := newPod.Spec.NodeSelector[key]; !ok || is != value {
			errs = append(errs, field.Invalid(p.Child("nodeSelector"), newPod.Spec.NodeSelector,
				"only additions to spec.nodeSelector are allowed (no mutations or deletions)"))
			break
		}
	}
	was, is := requiredNodes(&old.Spec), requiredNodes(&newPod.Spec)
	if was == nil {
		return true, errs
	}
	tp := p.Child("affinity", "nodeAffinity", requiredTerms, "nodeSelectorTerms")
	if is == nil || len(was.NodeSelectorTerms) > 0 && len(was.NodeSelectorTerms) != len(is.NodeSelectorTerms) {
		var terms []v1.NodeSelectorTerm
		if is != nil {
			terms = is.NodeSelectorTerms
		}
		return true, append(errs, field.Invalid(tp, terms, "no additions/deletions to non-empty NodeSelectorTerms list are allowed"))
	}
	for i := range was.NodeSelectorTerms {
		if !narrower(&is.NodeSelectorTerms[i], &was.NodeSelectorTerms[i]) {
			errs = append(errs, field.Invalid(tp.Index(i), is.NodeSelectorTerms[i], "only additions are allowed (no mutations or deletions)"))
		}
	}
	return true, errs
}

func requiredNodes(s *v1.PodSpec) *v1.NodeSelector {
	if s.Affinity == nil || s.Affinity.NodeAffinity == nil {
		return nil
	}
	return s.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
}

// narrower tells whether is has all requirements of was. A term without any selects nothing and cannot be narrowed.
func narrower(is, was *v1.NodeSelectorTerm) bool {
	if len(was.MatchExpressions)+len(was.MatchFields) == 0 && len(is.MatchExpressions)+len(is.MatchFields) > 0 {
		return false
	}
	return hasPrefixRequirements(is.MatchExpressions, was.MatchExpressions) && hasPrefixRequirements(is.MatchFields, was.MatchFields)
}

func hasPrefixRequirements(is, was []v1.NodeSelectorRequirement) bool {
	if len(is) < len(was) {
		return false
	}
	for _, r := range was {
		if !slices.ContainsFunc(is, func(other v1.NodeSelectorRequirement) bool { return apiequality.Semantic.DeepEqual(r, other) }) {
			return false
		}
	}
	return true
}

// ValidatePodEphemeralContainersUpdate reports changes beside new ephemeral containers, which can neither change nor go.
func ValidatePodEphemeralContainersUpdate(newPod, old *v1.Pod) field.ErrorList {
	errs := meta.Update(&newPod.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, validatePod(newPod, tolerated(&old.Spec), !validDeletionCost(old.Annotations))...)
	if _, mirror := newPod.Annotations[v1.MirrorPodAnnotationKey]; mirror {
		return append(errs, field.Forbidden(field.NewPath(""), "static pods do not support ephemeral containers"))
	}
	p := field.NewPath("spec")
	now := map[string]*v1.EphemeralContainer{}
	for i := range newPod.Spec.EphemeralContainers {
		now[newPod.Spec.EphemeralContainers[i].Name] = &newPod.Spec.EphemeralContainers[i]
	}
	for i := range old.Spec.EphemeralContainers {
		was := &old.Spec.EphemeralContainers[i]
		is, ok := now[was.Name]
		switch {
		case !ok:
			errs = append(errs, field.Forbidden(p.Child("ephemeralContainers"), fmt.Sprintf("existing ephemeral containers %q may not be removed\n", was.Name)))
		case !apiequality.Semantic.DeepEqual(was, is):
			errs = append(errs, field.Forbidden(p.Child("ephemeralContainers"), fmt.Sprintf("existing ephemeral containers %q may not be changed\n%v", was.Name, diff.Diff(was, is))))
		}
	}
	rest := newPod.Spec.DeepCopy()
	rest.EphemeralContainers = old.Spec.EphemeralContainers
	if !apiequality.Semantic.DeepEqual(*rest, old.Spec) {
		errs = append(errs, field.Forbidden(p, "pod updates may not change fields other than `spec.ephemeralContainers`\n"+diff.Diff(old.Spec, *rest)))
	}
	return errs
}

// ValidatePodBinding reports faults of a request to bind a pod to a node.
func ValidatePodBinding(b *v1.Binding) field.ErrorList {
	var errs field.ErrorList
	if b.Target.Kind != "" && b.Target.Kind != "Node" {
		errs = append(errs, field.NotSupported(field.NewPath("target", "kind"), b.Target.Kind, []string{"Node", "<empty>"}))
	}
	return append(errs, meta.Required(b.Target.Name, field.NewPath("target", "name"))...)
}
