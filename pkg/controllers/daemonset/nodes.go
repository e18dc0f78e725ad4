package daemonset

import (
	"slices"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1 "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
)

// meant says whether a node should have a pod of the set, and whether one that it has may stay.
func meant(set *apps.DaemonSet, node *v1.Node) (should, may bool) {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: set.Spec.Template.Labels}, Spec: set.Spec.Template.Spec}
	if pod.Spec.NodeName != "" && pod.Spec.NodeName != node.Name {
		return false, false
	}
	if fits, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node); err != nil || !fits {
		return false, false
	}
	tolerations := withTolerations(pod.Spec)
	untolerated := func(effects ...v1.TaintEffect) bool {
		_, found := corev1.FindMatchingUntoleratedTaint(klog.Background(), node.Spec.Taints, tolerations, func(taint *v1.Taint) bool {
			return slices.Contains(effects, taint.Effect)
		}, false)
		return found
	}
	return !untolerated(v1.TaintEffectNoSchedule, v1.TaintEffectNoExecute), !untolerated(v1.TaintEffectNoExecute)
}

// withTolerations are the template's tolerations and those that every pod of a DaemonSet has, since it belongs to its
// node whatever the node's condition is.
func withTolerations(spec v1.PodSpec) []v1.Toleration {
	tolerations := slices.Clone(spec.Tolerations)
	add := func(key string, effect v1.TaintEffect) {
		one := v1.Toleration{Key: key, Operator: v1.TolerationOpExists, Effect: effect}
		if at := slices.IndexFunc(tolerations, func(t v1.Toleration) bool { return t.MatchToleration(&one) }); at >= 0 {
			tolerations[at] = one
			return
		}
		tolerations = append(tolerations, one)
	}
	add(v1.TaintNodeNotReady, v1.TaintEffectNoExecute)
	add(v1.TaintNodeUnreachable, v1.TaintEffectNoExecute)
	add(v1.TaintNodeDiskPressure, v1.TaintEffectNoSchedule)
	add(v1.TaintNodeMemoryPressure, v1.TaintEffectNoSchedule)
	add(v1.TaintNodePIDPressure, v1.TaintEffectNoSchedule)
	add(v1.TaintNodeUnschedulable, v1.TaintEffectNoSchedule)
	if spec.HostNetwork {
		add(v1.TaintNodeNetworkUnavailable, v1.TaintEffectNoSchedule)
	}
	return tolerations
}

// bindTo makes the scheduler place a pod on this node and no other.
func bindTo(affinity *v1.Affinity, node string) *v1.Affinity {
	affinity = affinity.DeepCopy()
	if affinity == nil {
		affinity = &v1.Affinity{}
	}
	if affinity.NodeAffinity == nil {
		affinity.NodeAffinity = &v1.NodeAffinity{}
	}
	required := affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if required == nil || len(required.NodeSelectorTerms) == 0 {
		required = &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{}}}
	}
	for i := range required.NodeSelectorTerms {
		required.NodeSelectorTerms[i].MatchFields = []v1.NodeSelectorRequirement{
			{Key: metav1.ObjectNameField, Operator: v1.NodeSelectorOpIn, Values: []string{node}},
		}
	}
	affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = required
	return affinity
}

// nodeOf is the node that a pod of a set is on or made for; "" when that cannot be told.
func nodeOf(pod *v1.Pod) string {
	if pod.Spec.NodeName != "" {
		return pod.Spec.NodeName
	}
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil || pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return ""
	}
	for _, term := range pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, field := range term.MatchFields {
			if field.Key == metav1.ObjectNameField && field.Operator == v1.NodeSelectorOpIn && len(field.Values) == 1 {
				return field.Values[0]
			}
		}
	}
	return ""
}
