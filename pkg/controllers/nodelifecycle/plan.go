package nodelifecycle

import (
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/nodes"
)

// observed is what a plan is made from. Nothing in it is modified.
type observed struct {
	node *v1.Node
	// heard is when the node was heard of last, by the clock of this process.
	heard time.Time
	// grace is how long it may be silent.
	grace time.Duration
	// mayDriveAway says that the zone's rate allows a taint that drives pods away now.
	mayDriveAway bool
	// suspended says that all nodes seem lost, so that no pods are driven away.
	suspended bool
	now       time.Time
}

// outcome is what follows.
type outcome struct {
	// conditions is the new list when the node has fallen silent; nil means no change.
	conditions []v1.NodeCondition
	// taints is the new list, when changeTaints says that it is another.
	taints       []v1.Taint
	changeTaints bool
	// driveAway says that pods would be driven away if the zone's rate allowed it.
	driveAway bool
	// droveAway says that the zone's rate was made use of.
	droveAway bool
	// silentIn is when the node will have been silent too long; 0 when it is already.
	silentIn time.Duration
}

// plan decides about one node.
func plan(o observed) outcome {
	var v outcome
	node := o.node
	if left := o.heard.Add(o.grace).Sub(o.now); left > 0 {
		v.silentIn = left
	} else if conditions := silenced(node, o.now); conditions != nil {
		v.conditions = conditions
		changed := *node
		changed.Status.Conditions = conditions
		node = &changed
	}
	wanted := barring(node)
	driving := drivingAway(node)
	if o.suspended {
		driving = ""
	}
	// Such a taint that is there already has driven the pods away, so that keeping or exchanging it harms nobody.
	driven := nodes.HasTaint(node, v1.TaintNodeNotReady, v1.TaintEffectNoExecute) || nodes.HasTaint(node, v1.TaintNodeUnreachable, v1.TaintEffectNoExecute)
	switch {
	case driving == "":
	case driven || o.mayDriveAway:
		wanted = append(wanted, v1.Taint{Key: driving, Effect: v1.TaintEffectNoExecute})
		v.droveAway = !driven
	default:
		v.driveAway = true
	}
	v.taints, v.changeTaints = withTaints(node.Spec.Taints, wanted, o.now)
	return v
}

// silentConditions are those that only the node itself can know.
func silentConditions() []v1.NodeConditionType {
	return []v1.NodeConditionType{v1.NodeReady, v1.NodeMemoryPressure, v1.NodeDiskPressure, v1.NodePIDPressure}
}

// silenced is the list of conditions of a node that has fallen silent, or nil when it has been marked before.
func silenced(node *v1.Node, now time.Time) []v1.NodeCondition {
	all, changed := slices.Clone(node.Status.Conditions), false
	for _, kind := range silentConditions() {
		at := slices.IndexFunc(all, func(c v1.NodeCondition) bool { return c.Type == kind })
		if at < 0 {
			all = append(all, v1.NodeCondition{
				Type: kind, Status: v1.ConditionUnknown, Reason: "NodeStatusNeverUpdated", Message: "Kubelet never posted node status.",
				LastHeartbeatTime: node.CreationTimestamp, LastTransitionTime: metav1.NewTime(now),
			})
			changed = true
			continue
		}
		if all[at].Status != v1.ConditionUnknown {
			all[at].Status, all[at].Reason, all[at].Message = v1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status."
			all[at].LastTransitionTime = metav1.NewTime(now)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return all
}

// barring are the taints that keep the scheduler from a node in its condition.
func barring(node *v1.Node) []v1.Taint {
	var taints []v1.Taint
	bar := func(key string) {
		taints = append(taints, v1.Taint{Key: key, Effect: v1.TaintEffectNoSchedule})
	}
	switch readiness(node) {
	case v1.ConditionFalse:
		bar(v1.TaintNodeNotReady)
	case v1.ConditionUnknown:
		bar(v1.TaintNodeUnreachable)
	}
	for _, pressure := range []struct {
		condition v1.NodeConditionType
		taint     string
	}{
		{v1.NodeMemoryPressure, v1.TaintNodeMemoryPressure},
		{v1.NodeDiskPressure, v1.TaintNodeDiskPressure},
		{v1.NodePIDPressure, v1.TaintNodePIDPressure},
		{v1.NodeNetworkUnavailable, v1.TaintNodeNetworkUnavailable},
	} {
		if nodes.ConditionStatus(node, pressure.condition) == v1.ConditionTrue {
			bar(pressure.taint)
		}
	}
	if node.Spec.Unschedulable {
		bar(v1.TaintNodeUnschedulable)
	}
	return taints
}

// drivingAway is the key of the taint that drives pods from a node in its condition, or "".
func drivingAway(node *v1.Node) string {
	switch readiness(node) {
	case v1.ConditionFalse:
		return v1.TaintNodeNotReady
	case v1.ConditionUnknown:
		return v1.TaintNodeUnreachable
	default:
		return ""
	}
}

// readiness is the status of condition Ready. A node that has not spoken yet is not ready.
func readiness(node *v1.Node) v1.ConditionStatus {
	if c := nodes.Condition(node, v1.NodeReady); c != nil {
		return c.Status
	}
	return v1.ConditionFalse
}

// ours says whether a taint follows from conditions, so that this controller owns it.
func ours(taint v1.Taint) bool {
	switch taint.Key {
	case v1.TaintNodeNotReady, v1.TaintNodeUnreachable:
		return taint.Effect == v1.TaintEffectNoSchedule || taint.Effect == v1.TaintEffectNoExecute
	case v1.TaintNodeMemoryPressure, v1.TaintNodeDiskPressure, v1.TaintNodePIDPressure, v1.TaintNodeNetworkUnavailable, v1.TaintNodeUnschedulable:
		return taint.Effect == v1.TaintEffectNoSchedule
	}
	return false
}

// withTaints replaces our taints among current by wanted. Those that stay keep their place and time.
func withTaints(current, wanted []v1.Taint, now time.Time) (taints []v1.Taint, changed bool) {
	taints = []v1.Taint{}
	same := func(a, b v1.Taint) bool { return a.Key == b.Key && a.Effect == b.Effect }
	for _, taint := range current {
		if ours(taint) && !slices.ContainsFunc(wanted, func(w v1.Taint) bool { return same(w, taint) }) {
			changed = true
			continue
		}
		taints = append(taints, taint)
	}
	for _, taint := range wanted {
		if !slices.ContainsFunc(taints, func(t v1.Taint) bool { return same(t, taint) }) {
			taint.TimeAdded = &metav1.Time{Time: now}
			taints = append(taints, taint)
			changed = true
		}
	}
	return taints, changed
}
