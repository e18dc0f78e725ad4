package disruption

import (
	"maps"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/component-helpers/apps/poddisruptionbudget"

	"github.com/proa-sh/proa/pkg/pods"
)

// evictionTime is how long a pod that was let go may take to show that it ends; after that it counts again.
const evictionTime = 2 * time.Minute

// observed is what a plan is made from. Nothing in it is modified.
type observed struct {
	budget *policy.PodDisruptionBudget
	// pods are those that the budget selects.
	pods []*v1.Pod
	// wanted is how many pods their controllers want together, for budgets that are a share of that.
	wanted int
	// fault is why the pods or the wanted number are not known.
	fault error
	now   time.Time
}

// outcome is what a plan asks for.
type outcome struct {
	// status is what the budget's status should be.
	status policy.PodDisruptionBudgetStatus
	// fault is why nothing may be evicted, as the status says; nil when the budget could be computed.
	fault error
	// after is when a pod that was let go counts again; 0 means never.
	after time.Duration
}

// relative says whether a budget is computed from the wanted number.
func relative(budget *policy.PodDisruptionBudget) bool {
	return budget.Spec.MaxUnavailable != nil || (budget.Spec.MinAvailable != nil && budget.Spec.MinAvailable.Type == intstr.String)
}

// numbers are the expected number of pods and how many must be healthy.
func (o observed) numbers() (expected, desired int32, err error) {
	expected = int32(len(o.pods))
	if relative(o.budget) {
		expected = int32(o.wanted)
	}
	switch spec := o.budget.Spec; {
	case spec.MaxUnavailable != nil:
		missing, err := intstr.GetScaledValueFromIntOrPercent(spec.MaxUnavailable, int(expected), true)
		if err != nil {
			return 0, 0, err
		}
		desired = max(expected-int32(missing), 0)
	case spec.MinAvailable != nil:
		least, err := intstr.GetScaledValueFromIntOrPercent(spec.MinAvailable, int(expected), true)
		if err != nil {
			return 0, 0, err
		}
		desired = int32(least)
	}
	return expected, desired, nil
}

// plan computes a budget.
func plan(o observed) outcome {
	expected, desired, err := o.numbers()
	if o.fault != nil {
		err = o.fault
	}
	if err != nil {
		return outcome{status: failed(o.budget, err, o.now), fault: err}
	}
	leaving, after := o.leaving()
	healthy := int32(0)
	for _, pod := range o.pods {
		_, left := leaving[pod.Name]
		if pod.DeletionTimestamp == nil && !left && pods.IsReady(pod) {
			healthy++
		}
	}
	changed := o.budget.DeepCopy()
	changed.Status.DisruptedPods = leaving
	changed.Status.ExpectedPods, changed.Status.DesiredHealthy, changed.Status.CurrentHealthy = expected, desired, healthy
	changed.Status.DisruptionsAllowed = max(healthy-desired, 0)
	if expected <= 0 {
		changed.Status.DisruptionsAllowed = 0
	}
	changed.Status.ObservedGeneration = o.budget.Generation
	poddisruptionbudget.UpdateDisruptionAllowedCondition(changed)
	return outcome{status: changed.Status, after: after}
}

// leaving are the pods that an eviction has let go and that are still there.
func (o observed) leaving() (leaving map[string]metav1.Time, after time.Duration) {
	leaving = maps.Clone(o.budget.Status.DisruptedPods)
	for name, since := range o.budget.Status.DisruptedPods {
		left := since.Add(evictionTime).Sub(o.now)
		waits := slices.ContainsFunc(o.pods, func(pod *v1.Pod) bool { return pod.Name == name && pod.DeletionTimestamp == nil })
		if !waits || left <= 0 {
			delete(leaving, name)
			continue
		}
		if after == 0 || left < after {
			after = left
		}
	}
	if len(leaving) == 0 {
		leaving = nil
	}
	return leaving, after
}

// failed is the status of a budget that cannot be computed: nothing may be evicted.
func failed(budget *policy.PodDisruptionBudget, err error, now time.Time) policy.PodDisruptionBudgetStatus {
	changed := budget.DeepCopy()
	changed.Status.DisruptionsAllowed = 0
	changed.Status.ObservedGeneration = budget.Generation
	condition := metav1.Condition{
		Type: policy.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policy.SyncFailedReason, Message: err.Error(),
		ObservedGeneration: budget.Generation, LastTransitionTime: metav1.NewTime(now),
	}
	at := slices.IndexFunc(changed.Status.Conditions, func(c metav1.Condition) bool { return c.Type == condition.Type })
	switch {
	case at < 0:
		changed.Status.Conditions = append(changed.Status.Conditions, condition)
	default:
		if changed.Status.Conditions[at].Status == condition.Status {
			condition.LastTransitionTime = changed.Status.Conditions[at].LastTransitionTime
		}
		changed.Status.Conditions[at] = condition
	}
	return changed.Status
}
