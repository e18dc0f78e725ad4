package integration

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// deleteAll deletes what the storm has made and waits until nothing is left. Finalizers of nobody are taken off, as their
// owners would.
func (s *storm) deleteAll() {
	for _, n := range stormNamespaces {
		s.ok(s.api.Client.CoreV1().Namespaces().Delete(s.Context(), n, metav1.DeleteOptions{}))
	}
	for _, m := range s.made {
		if m.kind.namespaced {
			continue
		}
		if err := s.in(m.kind, "").Delete(s.Context(), m.name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			s.Errorf("seed %d: delete %s %s: %v", *stormSeed, m.kind, m.name, err)
		}
	}
	var left []string
	deadline := time.Now().Add(40 * time.Second)
	for {
		if left = s.left(); len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			// First those that others wait for.
			slices.SortStableFunc(left, func(a, b string) int {
				return cmp.Or(-cmp.Compare(strings.Count(a, "\n  deletionTimestamp:"), strings.Count(b, "\n  deletionTimestamp:")), cmp.Compare(len(a), len(b)))
			})
			s.Fatalf("seed %d: %d objects are left after everything was deleted:\n%s", *stormSeed, len(left), strings.Join(left[:min(len(left), 20)], "---\n"))
		}
		<-time.After(200 * time.Millisecond)
	}
}

// left lists what the storm has left, and takes finalizers of nobody off.
func (s *storm) left() []string {
	var out []string
	for _, k := range s.kinds {
		if !k.stored || k.Kind == "Lease" {
			continue
		}
		list, err := s.client.Resource(k.GroupVersionResource).List(s.Context(), metav1.ListOptions{})
		s.ok(err)
		for _, u := range list.Items {
			if k.namespaced && !strings.HasPrefix(u.GetNamespace(), "storm-") { // what controllers make in other namespaces stays
				continue
			}
			if s.before[strings.Join([]string{k.String(), u.GetNamespace(), u.GetName()}, " ")] {
				continue
			}
			s.release(k, &u)
			if k.Kind != "Event" { // controllers tell of what goes as long as something does
				out = append(out, asYAML(&u))
			}
		}
	}
	return out
}

// nobodys says of a finalizer that no part of the cluster takes it off: those of odd and of filled objects, whose pods get it
// from their templates.
func nobodys(finalizer string) bool {
	return strings.Contains(finalizer, "example.org/") || finalizer == "finalizersValue"
}

// release takes off the finalizers of the storm.
func (s *storm) release(k stormKind, u *unstructured.Unstructured) {
	if slices.ContainsFunc(u.GetFinalizers(), nobodys) {
		keep := slices.DeleteFunc(u.GetFinalizers(), nobodys)
		quoted := strings.ReplaceAll(fmt.Sprintf("%q", keep), " ", ",")
		_, err := s.in(k, u.GetNamespace()).Patch(s.Context(), u.GetName(), types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"finalizers":%s}}`, quoted), metav1.PatchOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			s.Errorf("seed %d: take the finalizers of %s %s off: %v", *stormSeed, k, u.GetName(), err)
		}
	}
	if k.Kind != "Namespace" {
		return
	}
	if all, _, _ := unstructured.NestedStringSlice(u.Object, "spec", "finalizers"); u.GetDeletionTimestamp() != nil && slices.ContainsFunc(all, func(f string) bool { return f != "kubernetes" }) {
		fresh := u.DeepCopy()
		_ = unstructured.SetNestedStringSlice(fresh.Object, slices.DeleteFunc(all, func(f string) bool { return f != "kubernetes" }), "spec", "finalizers")
		_, _ = s.in(k, "").Update(s.Context(), fresh, metav1.UpdateOptions{}, "finalize")
	}
}
