package namespace

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// settling is how long after the start of the deletion a namespace is found empty before that is believed. A request to
// create something may have been admitted just before and be held by a webhook, or another server may not have heard of the
// deletion yet. It is upstream's five seconds, and one more because deletion timestamps are whole seconds.
const settling = 6 * time.Second

// pass is what one look at the content of a namespace found.
type pass struct {
	// undiscovered are groups whose resources could not be listed.
	undiscovered map[schema.GroupVersion]error
	// failed are errors of listing and deleting.
	failed []error
	// found says whether there was any content before deleting.
	found bool
	// left counts what is still there after deleting, by resource.
	left map[schema.GroupVersionResource]int
	// finalizers counts the objects among them by finalizer.
	finalizers map[string]int
}

// outcome is what follows from a pass.
type outcome struct {
	// finalize says that the namespace may go.
	finalize bool
	// conditions are the new ones; nil means that they need no writing.
	conditions []v1.NamespaceCondition
	// again is when to look again without an event; 0 means never.
	again time.Duration
}

// plan decides what follows. now is compared with the start of the deletion.
func plan(namespace *v1.Namespace, p pass, now time.Time) outcome {
	if len(p.undiscovered)+len(p.failed)+len(p.left) > 0 {
		return outcome{conditions: conditions(namespace.Status.Conditions, p, now)}
	}
	settled := namespace.DeletionTimestamp.Add(settling)
	switch {
	case now.Before(settled):
		return outcome{again: settled.Sub(now)}
	case p.found:
		return outcome{again: time.Millisecond} // it is empty now, which the next look will find
	default:
		return outcome{finalize: true}
	}
}

// ours says whether the namespace waits for this controller.
func ours(namespace *v1.Namespace) bool {
	return namespace.DeletionTimestamp != nil && slices.Contains(namespace.Spec.Finalizers, v1.FinalizerKubernetes)
}

// conditions brings all five up to date. Texts are as clusters show them.
func conditions(current []v1.NamespaceCondition, p pass, now time.Time) []v1.NamespaceCondition {
	all := slices.Clone(current)
	set := func(kind v1.NamespaceConditionType, bad bool, goodReason, good, badReason, problem string) {
		next := v1.NamespaceCondition{Type: kind, Status: v1.ConditionFalse, Reason: goodReason, Message: good, LastTransitionTime: metav1.NewTime(now)}
		if bad {
			next.Status, next.Reason, next.Message = v1.ConditionTrue, badReason, problem
		}
		at := slices.IndexFunc(all, func(c v1.NamespaceCondition) bool { return c.Type == kind })
		if at < 0 {
			all = append(all, next)
			return
		}
		if all[at].Status == next.Status {
			next.LastTransitionTime = all[at].LastTransitionTime
		}
		all[at] = next
	}
	set(v1.NamespaceDeletionDiscoveryFailure, len(p.undiscovered) > 0, "ResourcesDiscovered", "All resources successfully discovered",
		"DiscoveryFailed", "Discovery failed for some groups, "+undiscovered(p.undiscovered))
	set(v1.NamespaceDeletionGVParsingFailure, false, "ParsedGroupVersions", "All legacy kube types successfully parsed", "", "")
	set(v1.NamespaceDeletionContentFailure, len(p.failed) > 0, "ContentDeleted", "All content successfully deleted, may be waiting on finalization",
		"ContentDeletionFailed", failures(p.failed))
	set(v1.NamespaceContentRemaining, len(p.left) > 0, "ContentRemoved", "All content successfully removed",
		"SomeResourcesRemain", "Some resources are remaining: "+counts(resourceCounts(p.left), "%s has %d resource instances"))
	set(v1.NamespaceFinalizersRemaining, len(p.finalizers) > 0, "ContentHasNoFinalizers", "All content-preserving finalizers finished",
		"SomeFinalizersRemain", "Some content in the namespace has finalizers remaining: "+counts(p.finalizers, "%s in %d resource instances"))
	return all
}

func undiscovered(groups map[schema.GroupVersion]error) string {
	var texts []string
	for gv, err := range groups {
		texts = append(texts, fmt.Sprintf("%s: %v", gv, err))
	}
	slices.Sort(texts)
	return fmt.Sprintf("%d failing: %s", len(groups), strings.Join(texts, ", "))
}

func failures(failed []error) string {
	var texts []string
	for _, err := range failed {
		texts = append(texts, err.Error())
	}
	slices.Sort(texts)
	return fmt.Sprintf("Failed to delete all resource types, %d remaining: %s", len(texts), strings.Join(texts, ", "))
}

// resourceCounts names resources as "resource.group", with the point even for the group without name.
func resourceCounts(left map[schema.GroupVersionResource]int) map[string]int {
	named := map[string]int{}
	for resource, n := range left {
		named[resource.Resource+"."+resource.Group] += n
	}
	return named
}

func counts(of map[string]int, format string) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		texts = append(texts, fmt.Sprintf(format, name, of[name]))
	}
	return strings.Join(texts, ", ")
}
