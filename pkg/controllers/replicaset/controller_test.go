package replicaset

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func podsOf(t *testing.T, s *controltest.Server) []*v1.Pod {
	return controltest.List[v1.Pod](t, s, "", "pods", "default")
}

func statusOf(t *testing.T, s *controltest.Server) apps.ReplicaSetStatus {
	return controltest.List[apps.ReplicaSet](t, s, "apps", "replicasets", "default")[0].Status
}

func TestScaleUpAndDown(t *testing.T) {
	s := controltest.NewServer(t, newSet(10))
	events := controltest.Run(t, s, New)
	s.Wait(t, "there are ten pods in the status", func() bool { return statusOf(t, s).Replicas == 10 })
	for _, pod := range podsOf(t, s) {
		if ref := metav1.GetControllerOf(pod); ref == nil || ref.Name != "web" || !strings.HasPrefix(pod.Name, "web-") {
			t.Errorf("pod %s has controller %v", pod.Name, ref)
		}
	}
	if event := <-events.Events; !strings.HasPrefix(event, "Normal SuccessfulCreate Created pod: web-") {
		t.Errorf("event %q", event)
	}
	three := int32(3)
	controltest.Change(t, s, newSet(0), func(set *apps.ReplicaSet) { set.Spec.Replicas = &three })
	s.Wait(t, "there are three pods in the status", func() bool { return statusOf(t, s).Replicas == 3 })
	if n := s.Count("create pods"); n != 10 {
		t.Errorf("created %d pods, want 10", n)
	}
	if n := len(podsOf(t, s)); n != 3 {
		t.Errorf("%d pods left, want 3", n)
	}
}

// A stale cache of pods must not lead to more pods than asked for.
func TestStalePods(t *testing.T) {
	s := controltest.NewServer(t, newSet(4))
	controltest.Run(t, s, New)
	s.Wait(t, "there are four pods in the status", func() bool { return statusOf(t, s).Replicas == 4 })
	s.Hold("", "pods")
	six := int32(6)
	controltest.Change(t, s, newSet(0), func(set *apps.ReplicaSet) { set.Spec.Replicas = &six })
	s.Wait(t, "the two missing pods are created", func() bool { return len(podsOf(t, s)) == 6 })
	s.Wait(t, "the new generation is observed", func() bool { return statusOf(t, s).ObservedGeneration == 3 })
	for range 3 { // these wake the set while it cannot see its pods
		controltest.Change(t, s, newSet(0), func(set *apps.ReplicaSet) { set.Annotations = map[string]string{"n": set.Annotations["n"] + "x"} })
	}
	s.Release("", "pods")
	s.Wait(t, "there are six pods in the status", func() bool { return statusOf(t, s).Replicas == 6 })
	if n := s.Count("create pods"); n != 6 {
		t.Errorf("created %d pods, want 6", n)
	}
}

func TestAdoptAndRelease(t *testing.T) {
	orphan := newPod("orphan")
	s := controltest.NewServer(t, orphan, newSet(1))
	controltest.Run(t, s, New)
	s.Wait(t, "the orphan is adopted", func() bool { return metav1.GetControllerOf(podsOf(t, s)[0]) != nil && statusOf(t, s).Replicas == 1 })
	if n := s.Count("create pods"); n != 0 {
		t.Errorf("created %d pods beside the orphan", n)
	}
	controltest.Change(t, s, orphan, func(pod *v1.Pod) { pod.Labels = nil })
	s.Wait(t, "the pod is released and replaced", func() bool {
		all := podsOf(t, s)
		return len(all) == 2 && metav1.GetControllerOf(all[0]) == nil
	})
}

// A refusing server is asked a few times, not once per pod, and the status says why.
func TestRefused(t *testing.T) {
	s := controltest.NewServer(t, newSet(100))
	var tried, written atomic.Int32
	s.Fail(func(r controltest.Request) error {
		switch {
		case r.Verb == "create" && r.Resource == "pods":
			return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, fmt.Sprint("web-", tried.Add(1)), errQuota("exceeded quota"))
		case r.Resource == "replicasets" && r.Subresource == "status":
			written.Add(1)
		}
		return nil
	})
	controltest.Run(t, s, New)
	s.Wait(t, "it has tried five times", func() bool { return tried.Load() >= 5 })
	s.Wait(t, "the failure is in the status", func() bool { return len(statusOf(t, s).Conditions) == 1 })
	if c := statusOf(t, s).Conditions[0]; c.Reason != "FailedCreate" || !strings.Contains(c.Message, "exceeded quota") {
		t.Errorf("condition %v", c)
	}
	if n := written.Load(); n != 1 {
		t.Errorf("%d attempts, each of which fails with another message, wrote the status %d times", tried.Load(), n)
	}
	s.Fail(nil)
	s.Wait(t, "all pods are there", func() bool {
		now := statusOf(t, s)
		return now.Replicas == 100 && len(now.Conditions) == 0
	})
}

type errQuota string

func (e errQuota) Error() string { return string(e) }

func TestReplicationController(t *testing.T) {
	two := int32(2)
	template := newSet(0).Spec.Template
	s := controltest.NewServer(t, &v1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec:       v1.ReplicationControllerSpec{Replicas: &two, Selector: web, Template: &template},
	})
	controltest.Run(t, s, NewForReplicationControllers)
	want := v1.ReplicationControllerStatus{Replicas: 2, FullyLabeledReplicas: 2, ObservedGeneration: 1}
	read := func() v1.ReplicationControllerStatus {
		return controltest.List[v1.ReplicationController](t, s, "", "replicationcontrollers", "default")[0].Status
	}
	s.Wait(t, "the status shows two pods", func() bool { return read().Replicas == 2 })
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
