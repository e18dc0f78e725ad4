package statefulset

import (
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
	"github.com/proa-sh/proa/pkg/controllers/control/revisions"
)

// follow does what scheduler and kubelets would do: pods run and are ready at once, and ending ones end.
func follow(t *testing.T, s *controltest.Server) {
	for _, pod := range controltest.List[v1.Pod](t, s, "", "pods", "default") {
		if pod.Spec.NodeName == "" {
			controltest.Change(t, s, pod, func(pod *v1.Pod) {
				pod.Spec.NodeName = "n1"
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
	set := newSet(3, func(set *apps.StatefulSet) {
		set.Spec.VolumeClaimTemplates = []v1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}}
	})
	s := controltest.NewServer(t, set)
	controltest.Run(t, s, New)
	status := func() apps.StatefulSetStatus {
		return controltest.List[apps.StatefulSet](t, s, "apps", "statefulsets", "default")[0].Status
	}
	pods := func() string {
		var words []string
		for _, pod := range controltest.List[v1.Pod](t, s, "", "pods", "default") {
			words = append(words, pod.Name+"="+pod.Spec.Containers[0].Image)
		}
		return strings.Join(words, " ")
	}
	s.Wait(t, "three pods are ready", func() bool { follow(t, s); return status().ReadyReplicas == 3 })
	if n := len(controltest.List[v1.PersistentVolumeClaim](t, s, "", "persistentvolumeclaims", "default")); n != 3 {
		t.Errorf("%d claims, want 3", n)
	}
	before := status().CurrentRevision
	controltest.Change(t, s, set, func(set *apps.StatefulSet) { set.Spec.Template.Spec.Containers[0].Image = "v2" })
	s.Wait(t, "all pods have the new template", func() bool {
		follow(t, s)
		now := status()
		return now.CurrentRevision != before && now.CurrentRevision == now.UpdateRevision && now.ReadyReplicas == 3
	})
	if got, want := pods(), "db-0=v2 db-1=v2 db-2=v2"; got != want {
		t.Errorf("pods %q, want %q", got, want)
	}
	for _, pod := range controltest.List[v1.Pod](t, s, "", "pods", "default") {
		if pod.Labels[revisions.HashLabel] != status().UpdateRevision {
			t.Errorf("pod %s has revision %s", pod.Name, pod.Labels[revisions.HashLabel])
		}
	}
	one := int32(1)
	controltest.Change(t, s, set, func(set *apps.StatefulSet) { set.Spec.Replicas = &one })
	s.Wait(t, "one pod is left", func() bool { follow(t, s); return pods() == "db-0=v2" && status().Replicas == 1 })
	if n := s.Count("create pods"); n != 6 {
		t.Errorf("created %d pods, want 6", n)
	}
}
