package garbagecollector

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func newConfig(name string, owners ...string) *v1.ConfigMap {
	config := &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
	for _, owner := range owners {
		block := true
		config.OwnerReferences = append(config.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: owner, UID: types.UID(owner), BlockOwnerDeletion: &block})
	}
	return config
}

func namesOf(t *testing.T, s *controltest.Server) string {
	var names []string
	for _, config := range controltest.List[v1.ConfigMap](t, s, "", "configmaps", "") {
		name := config.Name
		for _, ref := range config.OwnerReferences {
			name += "<" + ref.Name
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// run runs the collector; config maps come from the shared informers, all else from informers of its own.
func run(t *testing.T, s *controltest.Server) {
	controltest.Run(t, s, func(d control.Dependencies) (control.Controller, error) {
		return New(d, []schema.GroupVersionResource{{Version: "v1", Resource: "configmaps"}})
	})
}

func TestCascades(t *testing.T) {
	background, foreground, orphaned := metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan
	tests := []struct {
		name   string
		policy metav1.DeletionPropagation
		want   string
	}{
		{"background", background, "other x y<x"},
		{"foreground", foreground, "other x y<x"},
		{"orphan", orphaned, "b c<b other x y<x"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := controltest.NewServer(t, newConfig("a"), newConfig("b", "a"), newConfig("c", "b"), newConfig("x"), newConfig("y", "x", "a"), newConfig("other"))
			run(t, s)
			if err := s.Client().CoreV1().ConfigMaps("default").Delete(t.Context(), "a", metav1.DeleteOptions{PropagationPolicy: &test.policy}); err != nil {
				t.Fatal(err)
			}
			s.Wait(t, "what depends on the deleted object has followed", func() bool { return namesOf(t, s) == test.want })
		})
	}
}

func TestOwnerGoneBefore(t *testing.T) {
	s := controltest.NewServer(t, newConfig("b", "never-there"), newConfig("kept"))
	run(t, s)
	s.Wait(t, "the dependent is deleted", func() bool { return namesOf(t, s) == "kept" })
}

func TestCircle(t *testing.T) {
	s := controltest.NewServer(t, newConfig("a", "c"), newConfig("b", "a"), newConfig("c", "b"), newConfig("kept"))
	run(t, s)
	foreground := metav1.DeletePropagationForeground
	if err := s.Client().CoreV1().ConfigMaps("default").Delete(t.Context(), "a", metav1.DeleteOptions{PropagationPolicy: &foreground}); err != nil {
		t.Fatal(err)
	}
	s.Wait(t, "the circle is gone", func() bool { return namesOf(t, s) == "kept" })
}

// Objects of kinds that come later are collected as well, and owners of unknown kinds keep their dependents.
func TestCustomKinds(t *testing.T) {
	thing := schema.GroupVersionKind{Group: "x.io", Version: "v1", Kind: "Thing"}
	dependent := newConfig("dependent")
	dependent.OwnerReferences = []metav1.OwnerReference{{APIVersion: "x.io/v1", Kind: "Thing", Name: "owner", UID: "owner"}}
	s := controltest.NewServer(t, dependent)
	run(t, s)
	s.AddKind(controltest.Kind{GroupVersionResource: schema.GroupVersionResource{Group: "x.io", Version: "v1", Resource: "things"}, Kind: "Thing", Namespaced: true})
	owner := &unstructured.Unstructured{}
	owner.SetGroupVersionKind(thing)
	owner.SetNamespace("default")
	owner.SetName("owner")
	owner.SetUID("owner")
	s.Put(owner)
	child := owner.DeepCopy()
	child.SetName("child")
	child.SetUID("child")
	child.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "x.io/v1", Kind: "Thing", Name: "owner", UID: "owner"}})
	s.Put(child)
	definition := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "things.x.io"},
	}}
	s.Put(definition)
	s.Wait(t, "the new kind is watched", func() bool { return s.Count("watch things") > 0 || s.Count("list things") > 0 })
	if got, want := namesOf(t, s), "dependent<owner"; got != want {
		t.Errorf("objects %q, want %q", got, want)
	}
	now := metav1.Now()
	owner.SetDeletionTimestamp(&now)
	s.Put(owner)
	things := func() int {
		return len(controltest.List[metav1.PartialObjectMetadata](t, s, "x.io", "things", ""))
	}
	s.Wait(t, "all dependents have followed", func() bool { return namesOf(t, s) == "" && things() == 0 })
}

func TestOwnerInOtherNamespace(t *testing.T) {
	elsewhere := newConfig("a")
	elsewhere.Namespace = "other"
	s := controltest.NewServer(t, elsewhere, newConfig("b", "a"))
	events := controltest.Run(t, s, func(d control.Dependencies) (control.Controller, error) { return New(d, nil) })
	s.Wait(t, "the dependent is deleted", func() bool { return namesOf(t, s) == "a" })
	want := `Warning OwnerRefInvalidNamespace ownerRef`
	if diff := cmp.Diff(want, (<-events.Events)[:len(want)]); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}
