package disruption

import (
	"testing"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func owned(pod *v1.Pod, by metav1.Object, kind schema.GroupVersionKind) *v1.Pod {
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(by, kind)}
	return pod
}

// The wanted number is the Deployment's, though a ReplicaSet controls the pods.
func TestController(t *testing.T) {
	four, two := int32(4), int32(2)
	d := &apps.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "d"}, Spec: apps.DeploymentSpec{Replicas: &four}}
	set := &apps.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-1", UID: "s",
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, apps.SchemeGroupVersion.WithKind("Deployment"))}}, Spec: apps.ReplicaSetSpec{Replicas: &two}}
	s := controltest.NewServer(t, d, set, newBudget("max 1"))
	all := newPods(4, 0, 0)
	for _, pod := range all {
		s.Put(owned(pod, set, apps.SchemeGroupVersion.WithKind("ReplicaSet")))
	}
	controltest.Run(t, s, New)
	status := func() policy.PodDisruptionBudgetStatus {
		return controltest.List[policy.PodDisruptionBudget](t, s, "policy", "poddisruptionbudgets", "default")[0].Status
	}
	s.Wait(t, "one pod may go", func() bool { now := status(); return now.DisruptionsAllowed == 1 && now.ExpectedPods == 4 })
	controltest.Change(t, s, all[0], func(pod *v1.Pod) { pod.Status.Conditions = nil })
	s.Wait(t, "none may go", func() bool { now := status(); return now.DisruptionsAllowed == 0 && now.CurrentHealthy == 3 })
}

// A pod without a controller is wanted by nobody, and closes the budget for no other.
func TestPodWithoutController(t *testing.T) {
	two := int32(2)
	set := &apps.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-1", UID: "s"}, Spec: apps.ReplicaSetSpec{Replicas: &two}}
	all := newPods(3, 0, 0)
	s := controltest.NewServer(t, set, newBudget("max 1"), all[0])
	for _, pod := range all[1:] {
		s.Put(owned(pod, set, apps.SchemeGroupVersion.WithKind("ReplicaSet")))
	}
	controltest.Run(t, s, New)
	s.Wait(t, "the pods of the set are expected", func() bool {
		now := controltest.List[policy.PodDisruptionBudget](t, s, "policy", "poddisruptionbudgets", "default")[0].Status
		return now.ExpectedPods == 2 && now.DesiredHealthy == 1 && now.DisruptionsAllowed > 0
	})
}
