package queue

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

func newPod(name string) *v1.Pod {
	priority := int32(0)
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Spec: v1.PodSpec{Priority: &priority}}
}

func TestPopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		q := New(testConfig())
		popped := make(chan string)
		go func() {
			defer close(popped)
			for {
				p, err := q.Pop(ctx)
				if err != nil {
					popped <- err.Error()
					return
				}
				popped <- p.Pod().Name
			}
		}()
		synctest.Wait()
		if _, err := q.Add(ctx, newPod("a")); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("a", <-popped); diff != "" {
			t.Errorf("popped (-want +got):\n%s", diff)
		}
		cancel(errors.New("over"))
		if diff := cmp.Diff("over", <-popped); diff != "" {
			t.Errorf("end of Pop (-want +got):\n%s", diff)
		}
	})
}

func TestEventLogIsBounded(t *testing.T) {
	ctx := context.Background()
	q := New(testConfig())
	if _, err := q.Add(ctx, newPod("p")); err != nil {
		t.Fatal(err)
	}
	p := q.tryPop()
	for range 2 * maxEvents {
		q.Notify(ctx, framework.ClusterEvent{Resource: framework.Node, ActionType: framework.UpdateNodeCondition}, nil, nil)
	}
	if n := len(q.flights.events); n > maxEvents {
		t.Errorf("%d events are kept, want at most %d", n, maxEvents)
	}
	// Nobody knows any more what happened during the flight, so the pod is tried again.
	p.UnschedulablePlugins = sets.New("fit")
	q.Return(ctx, p)
	if diff := cmp.Diff("backoff", p.place.String()); diff != "" {
		t.Errorf("place (-want +got):\n%s", diff)
	}
}

func TestEventLogIsTrimmed(t *testing.T) {
	ctx := context.Background()
	q := New(testConfig())
	fly := func(name string) {
		if _, err := q.Add(ctx, newPod(name)); err != nil {
			t.Fatal(err)
		}
		q.tryPop()
	}
	// Flights overlap without end, as they do under load.
	fly("p0")
	for i := range 5000 {
		fly(fmt.Sprintf("p%d", i+1))
		q.Notify(ctx, framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add}, nil, nil)
		q.Done(types.UID(fmt.Sprintf("p%d", i)))
	}
	if n := len(q.flights.events); n > 1024 {
		t.Errorf("%d events are kept for one pod in flight", n)
	}
}

func TestNominator(t *testing.T) {
	logger := klog.Background()
	n := NewNominator()
	info := func(name, node string) *cache.PodInfo {
		pod := newPod(name)
		pod.Status.NominatedNodeName = node
		p, err := cache.NewPodInfo(pod)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	check := func(what string, want map[string][]string) {
		t.Helper()
		got := map[string][]string{}
		for _, node := range []string{"x", "y"} {
			for _, p := range n.NominatedPodsForNode(node) {
				got[node] = append(got[node], p.GetPod().Name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	n.AddNominatedPod(logger, info("a", "x"), nil)
	n.AddNominatedPod(logger, info("b", ""), &framework.NominatingInfo{NominatingMode: framework.ModeOverride, NominatedNodeName: "x"})
	n.AddNominatedPod(logger, info("c", ""), nil)
	check("by status, and as given", map[string][]string{"x": {"a", "b"}})
	n.UpdateNominatedPod(logger, newPod("b"), info("b", ""))
	check("a prospect that is not in the status yet is kept", map[string][]string{"x": {"a", "b"}})
	n.UpdateNominatedPod(logger, info("a", "x").GetPod(), info("a", "y"))
	check("moved by status", map[string][]string{"x": {"b"}, "y": {"a"}})
	n.UpdateNominatedPod(logger, info("a", "y").GetPod(), info("a", ""))
	check("cleared by status", map[string][]string{"x": {"b"}})
	n.DeleteNominatedPodIfExists(newPod("b"))
	check("deleted", map[string][]string{})
	if !n.Empty() {
		t.Error("want no pods left")
	}
}

func TestChanges(t *testing.T) {
	base := newPod("p")
	base.Spec.Containers = []v1.Container{{Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse("2")}}}}
	base.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "g"}}
	pods := map[string]func(*v1.Pod){
		"":                                   func(p *v1.Pod) { p.Annotations = map[string]string{"a": "b"} },
		"UpdatePodLabel":                     func(p *v1.Pod) { p.Labels = map[string]string{"a": "b"} },
		"UpdatePodToleration":                func(p *v1.Pod) { p.Spec.Tolerations = []v1.Toleration{{Key: "k"}} },
		"UpdatePodScaleDown":                 func(p *v1.Pod) { p.Spec.Containers[0].Resources.Requests[v1.ResourceCPU] = resource.MustParse("1") },
		"UpdatePodSchedulingGatesEliminated": func(p *v1.Pod) { p.Spec.SchedulingGates = nil },
	}
	for want, change := range pods {
		changed := base.DeepCopy()
		change(changed)
		if diff := cmp.Diff(want, join(PodChanges(base, changed))); diff != "" {
			t.Errorf("pod (-want +got):\n%s", diff)
		}
	}
	nodes := map[string]func(*v1.Node){
		"": func(n *v1.Node) {
			n.Status.Conditions = []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue, LastHeartbeatTime: metav1.Now()}}
		},
		"UpdateNodeCondition":   func(n *v1.Node) { n.Status.Conditions = nil },
		"UpdateNodeTaint":       func(n *v1.Node) { n.Spec.Unschedulable = true },
		"UpdateNodeLabel":       func(n *v1.Node) { n.Labels = map[string]string{"a": "b"} },
		"UpdateNodeAnnotation":  func(n *v1.Node) { n.Annotations = map[string]string{"a": "b"} },
		"UpdateNodeAllocatable": func(n *v1.Node) { n.Status.Allocatable = v1.ResourceList{v1.ResourceCPU: resource.MustParse("1")} },
	}
	for want, change := range nodes {
		node := &v1.Node{Status: v1.NodeStatus{Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue}}}}
		changed := node.DeepCopy()
		change(changed)
		if diff := cmp.Diff(want, join(NodeChanges(node, changed))); diff != "" {
			t.Errorf("node (-want +got):\n%s", diff)
		}
	}
}

func join(events []framework.ClusterEvent) string {
	text := ""
	for _, e := range events {
		text += e.ActionType.String()
	}
	return text
}
