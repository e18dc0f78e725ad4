package podgc

import (
	"fmt"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

// Ending pods without node and on nodes out of service go at once, and say why when they would have run on.
func TestController(t *testing.T) {
	finalized := newPod("lost", "out", true, v1.PodRunning)
	finalized.Finalizers = []string{"x"} // so that its last status can be read
	s := controltest.NewServer(t, newPod("never-placed", "", true, v1.PodPending), finalized, newPod("runs", "n", false, v1.PodRunning),
		&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}, &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "out"}})
	controltest.Run(t, s, func(d control.Dependencies) (control.Controller, error) { return New(d, 0) })
	names := func() string {
		var all []string
		for _, pod := range controltest.List[v1.Pod](t, s, "", "pods", "default") {
			all = append(all, pod.Name+"="+string(pod.Status.Phase))
		}
		return strings.Join(all, " ")
	}
	s.Wait(t, "the pod without node is gone", func() bool { return names() == "lost=Running runs=Running" })
	controltest.Change(t, s, &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "out"}}, func(node *v1.Node) {
		node.Spec.Taints = []v1.Taint{{Key: v1.TaintNodeOutOfService, Effect: v1.TaintEffectNoExecute}}
	})
	s.Wait(t, "the lost pod has failed and is deleted", func() bool { return names() == "lost=Failed runs=Running" && s.Count("delete pods") >= 2 })
	if c := controltest.List[v1.Pod](t, s, "", "pods", "default")[0].Status.Conditions; len(c) != 1 || c[0].Reason != "DeletionByPodGC" {
		t.Errorf("conditions of the lost pod %v", c)
	}
}

// Nodes that come and go, with pods that name them, leave nothing behind.
func TestRememberedNodes(t *testing.T) {
	s := controltest.NewServer(t)
	factory := informers.NewSharedInformerFactory(s.Client(), 0)
	r, err := newReconciler(control.Dependencies{Informers: factory}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		pod := newPod("p", fmt.Sprintf("n%d", i), false, v1.PodRunning)
		if err := r.pods.GetIndexer().Add(pod); err != nil {
			t.Fatal(err)
		}
		if _, since, err := r.nodeOf(pod); err != nil || since.IsZero() {
			t.Fatalf("the node has gone %v, %v", since, err)
		}
	}
	if len(r.gone) != 1 {
		t.Errorf("%d nodes are remembered, one has a pod", len(r.gone))
	}
}
