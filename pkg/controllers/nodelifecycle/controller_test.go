package nodelifecycle

import (
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
	"github.com/proa-sh/proa/pkg/nodes"
	"github.com/proa-sh/proa/pkg/pods"
)

// A node that speaks keeps its pods; one that falls silent is marked, tainted, and its pods are not ready any more.
func TestSilentNode(t *testing.T) {
	silent, live := newNode("silent", "Ready=True"), newNode("live", "Ready=True", "node.kubernetes.io/not-ready:NoSchedule")
	onSilent := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p"}, Spec: v1.PodSpec{NodeName: "silent"}, Status: v1.PodStatus{
		Phase: v1.PodRunning, Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}},
	}}
	s := controltest.NewServer(t, silent, live, onSilent)
	controltest.Run(t, s, func(d control.Dependencies) (control.Controller, error) {
		return New(d, Settings{MonitorGrace: 300 * time.Millisecond, StartupGrace: time.Minute, EvictionRate: 1000, UnhealthyZone: 0.55, LargeZone: 50})
	})
	read := func(name string) *v1.Node {
		for _, node := range controltest.List[v1.Node](t, s, "", "nodes", "") {
			if node.Name == name {
				return node
			}
		}
		t.Fatalf("no node %s", name)
		return nil
	}
	beat := func() { // each look is a heartbeat of the live node
		controltest.Change(t, s, live, func(node *v1.Node) {
			node.Status.Conditions[0].LastHeartbeatTime = metav1.NewTime(node.Status.Conditions[0].LastHeartbeatTime.Add(time.Second))
		})
	}
	s.Wait(t, "the ready node has no taint", func() bool { return len(read("live").Spec.Taints) == 0 })
	s.Wait(t, "the silent node is marked and tainted", func() bool {
		beat()
		node := read("silent")
		return nodes.ConditionStatus(node, v1.NodeReady) == v1.ConditionUnknown && taintsOf(node.Spec.Taints) == "unreachable:NoSchedule unreachable:NoExecute"
	})
	s.Wait(t, "its pod is not ready", func() bool { return !pods.IsReady(controltest.List[v1.Pod](t, s, "", "pods", "default")[0]) })
	if node := read("live"); !nodes.IsReady(node) || len(node.Spec.Taints) != 0 {
		t.Errorf("the live node has taints %v", node.Spec.Taints)
	}
	controltest.Change(t, s, silent, func(node *v1.Node) {
		node.Status.Conditions[0].Status, node.Status.Conditions[0].LastHeartbeatTime = v1.ConditionTrue, metav1.Now()
	})
	s.Wait(t, "the node that speaks again has no taints", func() bool { return len(read("silent").Spec.Taints) == 0 })
}
