package namespace

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func namespaceIn(t *testing.T, s *controltest.Server) *v1.Namespace {
	all := controltest.List[v1.Namespace](t, s, "", "namespaces", "")
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// Pods go first, then the rest, custom resources too, then the namespace; a finalizer holds it as long as it is there.
func TestDeletion(t *testing.T) {
	s := controltest.NewServer(t,
		&v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: v1.NamespaceSpec{Finalizers: []v1.FinalizerName{v1.FinalizerKubernetes}}},
		&v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "running"}, Spec: v1.PodSpec{NodeName: "n"}},
		&v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "config"}},
		&v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "b", Name: "elsewhere"}},
	)
	s.AddKind(controltest.Kind{GroupVersionResource: schema.GroupVersionResource{Group: "x.io", Version: "v1", Resource: "things"}, Kind: "Thing", Namespaced: true})
	thing := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "x.io/v1", "kind": "Thing", "metadata": map[string]any{"namespace": "a", "name": "held", "finalizers": []any{"x.io/hold"}},
	}}
	s.Put(thing)
	controltest.Run(t, s, New)
	if err := s.Client().CoreV1().Namespaces().Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	remaining := func(kind v1.NamespaceConditionType, message string) func() bool {
		return func() bool {
			for _, c := range namespaceIn(t, s).Status.Conditions {
				if c.Type == kind && c.Status == v1.ConditionTrue {
					return c.Message == message
				}
			}
			return false
		}
	}
	s.Wait(t, "the pod is what remains", remaining(v1.NamespaceContentRemaining, "Some resources are remaining: pods. has 1 resource instances"))
	if n := len(controltest.List[v1.ConfigMap](t, s, "", "configmaps", "a")); n != 1 {
		t.Errorf("%d config maps while the pod runs, want 1", n)
	}
	none := int64(0)
	if err := s.Client().CoreV1().Pods("a").Delete(t.Context(), "running", metav1.DeleteOptions{GracePeriodSeconds: &none}); err != nil {
		t.Fatal(err)
	}
	s.Wait(t, "the held thing is what remains", remaining(v1.NamespaceFinalizersRemaining, "Some content in the namespace has finalizers remaining: x.io/hold in 1 resource instances"))
	if n := len(controltest.List[v1.ConfigMap](t, s, "", "configmaps", "a")); n != 0 {
		t.Errorf("%d config maps left", n)
	}
	released := thing.DeepCopy()
	now := metav1.Now()
	released.SetFinalizers(nil)
	released.SetDeletionTimestamp(&now)
	s.Put(released)
	s.Wait(t, "the namespace has gone", func() bool { return namespaceIn(t, s) == nil })
	if n := len(controltest.List[v1.ConfigMap](t, s, "", "configmaps", "b")); n != 1 {
		t.Errorf("%d config maps in the other namespace, want 1", n)
	}
}
