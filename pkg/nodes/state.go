package nodes

import (
	v1 "k8s.io/api/core/v1"
)

// Condition returns the node's condition of a type, or nil. The result points into the node.
func Condition(node *v1.Node, kind v1.NodeConditionType) *v1.NodeCondition {
	for i := range node.Status.Conditions {
		if node.Status.Conditions[i].Type == kind {
			return &node.Status.Conditions[i]
		}
	}
	return nil
}

// ConditionStatus is the status of a condition; a condition that is not there is unknown.
func ConditionStatus(node *v1.Node, kind v1.NodeConditionType) v1.ConditionStatus {
	if c := Condition(node, kind); c != nil {
		return c.Status
	}
	return v1.ConditionUnknown
}

// IsReady says whether the node's Ready condition is true.
func IsReady(node *v1.Node) bool {
	return ConditionStatus(node, v1.NodeReady) == v1.ConditionTrue
}

// HasTaint says whether the node has a taint of this key and effect.
func HasTaint(node *v1.Node, key string, effect v1.TaintEffect) bool {
	for i := range node.Spec.Taints {
		if node.Spec.Taints[i].Key == key && node.Spec.Taints[i].Effect == effect {
			return true
		}
	}
	return false
}
