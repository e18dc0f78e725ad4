package tainteviction

import (
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
	"github.com/proa-sh/proa/pkg/pods"
)

func newPod(name string, tolerations ...v1.Toleration) *v1.Pod {
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: v1.PodSpec{NodeName: "n", Tolerations: tolerations}}
}

func TestController(t *testing.T) {
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	s := controltest.NewServer(t, node, newPod("plain"), newPod("patient", tolerate("a", 3600)), newPod("hurried", tolerate("a", 1)))
	events := controltest.Run(t, s, New)
	taint := func(taints ...v1.Taint) {
		controltest.Change(t, s, node, func(node *v1.Node) { node.Spec.Taints = taints })
	}
	ending := func() string {
		var names []string
		for _, pod := range controltest.List[v1.Pod](t, s, "", "pods", "default") {
			if pod.DeletionTimestamp != nil {
				names = append(names, pod.Name)
				if c := pods.Condition(pod, v1.DisruptionTarget); c == nil || c.Reason != "DeletionByTaintManager" {
					t.Errorf("pod %s ends with conditions %v", pod.Name, pod.Status.Conditions)
				}
			}
		}
		return strings.Join(names, " ")
	}
	taint(v1.Taint{Key: "a", Effect: v1.TaintEffectNoExecute})
	s.Wait(t, "the pod without toleration ends", func() bool { return ending() == "plain" })
	if event, want := <-events.Events, "Normal TaintManagerEviction Marking for deletion Pod default/plain"; event != want {
		t.Errorf("event %q, want %q", event, want)
	}
	s.Wait(t, "the hurried one follows", func() bool { return ending() == "hurried plain" })
	<-events.Events
	taint()
	if event, want := <-events.Events, "Normal TaintManagerEviction Cancelling deletion of Pod default/patient"; event != want {
		t.Errorf("event %q, want %q", event, want)
	}
}
