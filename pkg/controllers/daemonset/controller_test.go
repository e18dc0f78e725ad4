package daemonset

import (
	"testing"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
	"github.com/proa-sh/proa/pkg/controllers/control/revisions"
)

func podsOf(t *testing.T, s *controltest.Server) []*v1.Pod {
	return controltest.List[v1.Pod](t, s, "", "pods", "default")
}

// follow does what scheduler and kubelets would do: pods run and are ready at once.
func follow(t *testing.T, s *controltest.Server) {
	for _, pod := range podsOf(t, s) {
		if pod.Spec.NodeName == "" {
			controltest.Change(t, s, pod, func(pod *v1.Pod) {
				pod.Spec.NodeName = nodeOf(pod)
				pod.Status = v1.PodStatus{Phase: v1.PodRunning, Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}}}
			})
		}
		if pod.DeletionTimestamp != nil {
			none := int64(0)
			if err := s.Client().CoreV1().Pods("default").Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &none}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestRollout(t *testing.T) {
	s := controltest.NewServer(t, newSet(), newNode("n1"), newNode("n2"))
	controltest.Run(t, s, New)
	status := func() apps.DaemonSetStatus {
		return controltest.List[apps.DaemonSet](t, s, "apps", "daemonsets", "default")[0].Status
	}
	done := func(generation int64) func() bool {
		return func() bool {
			follow(t, s)
			now := status()
			return now.ObservedGeneration == generation && now.NumberAvailable == now.DesiredNumberScheduled && now.UpdatedNumberScheduled == now.DesiredNumberScheduled && now.DesiredNumberScheduled > 0
		}
	}
	s.Wait(t, "both nodes have a pod", done(1))
	s.Put(newNode("n3"))
	s.Wait(t, "the third node has one", func() bool { return done(1)() && status().DesiredNumberScheduled == 3 })
	controltest.Change(t, s, newSet(), func(set *apps.DaemonSet) { set.Spec.Template.Spec.Containers[0].Image = "v2" })
	s.Wait(t, "all have the new template", done(2))
	history := controltest.List[apps.ControllerRevision](t, s, "apps", "controllerrevisions", "default")
	if len(history) != 2 {
		t.Fatalf("%d revisions, want 2", len(history))
	}
	newest := revisions.Sort(history)[1]
	for _, pod := range podsOf(t, s) {
		if pod.Labels[revisions.HashLabel] != newest.Labels[revisions.HashLabel] || pod.Spec.Containers[0].Image != "v2" {
			t.Errorf("pod %s has revision %s and image %s", pod.Name, pod.Labels[revisions.HashLabel], pod.Spec.Containers[0].Image)
		}
	}
	if n := s.Count("create pods"); n != 6 {
		t.Errorf("created %d pods, want 6", n)
	}
}
