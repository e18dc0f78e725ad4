package integration

import (
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// touch changes objects and their status once more.
func (s *storm) touch() {
	for _, m := range s.made {
		for _, sub := range []string{"", "status"} {
			if s.random.IntN(2) == 0 || sub == "status" && !m.kind.status {
				continue
			}
			got, err := s.in(m.kind, m.namespace).Get(s.Context(), m.name, metav1.GetOptions{})
			if err != nil {
				break // deleted by now
			}
			changed := got.DeepCopy()
			var path []string
			if sub == "" {
				s.change(m.kind, changed)
			} else {
				path = []string{sub}
				for range 1 + s.random.IntN(6) {
					s.change(m.kind, changed, sub)
				}
			}
			_, err = settle(changed, got, func(u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
				s.wrote(fmt.Sprintf("seed %d, update %s", *stormSeed, sub), u)
				return s.in(m.kind, m.namespace).Update(s.Context(), u, metav1.UpdateOptions{}, path...)
			})
			if err != nil {
				s.refused(m.kind, "update "+sub, "touched", changed, err)
				continue
			}
			s.counts["updates "+sub]++
		}
	}
}

// own gives objects owners: in cycles, themselves, of the wrong kind, in other namespaces, and such as do not exist.
func (s *storm) own() {
	stored := s.made
	for range len(stored) / 2 {
		a, b := pick(s.random, stored), pick(s.random, stored)
		pairs := [][2]made{{a, b}, {b, a}}
		switch s.random.IntN(4) {
		case 0:
			pairs = [][2]made{{a, a}}
		case 1:
			pairs = [][2]made{{a, b}}
		case 2:
			b.kind.Kind = "Wrong"
			pairs = [][2]made{{a, b}}
		}
		for _, p := range pairs {
			owner := map[string]any{"apiVersion": p[1].kind.GroupVersion().String(), "kind": p[1].kind.Kind, "name": p[1].name, "uid": string(p[1].uid), "blockOwnerDeletion": s.random.IntN(2) == 0}
			if s.random.IntN(30) == 0 {
				owner["uid"] = "nobody"
			}
			data, err := json.Marshal(map[string]any{"metadata": map[string]any{"ownerReferences": []any{owner, owner}[:1+s.random.IntN(2)]}})
			s.ok(err)
			if _, err := s.in(p[0].kind, p[0].namespace).Patch(s.Context(), p[0].name, types.MergePatchType, data, metav1.PatchOptions{}); err == nil {
				s.counts["owners"]++
			}
		}
	}
}

// deleteHalf deletes in all ways.
func (s *storm) deleteHalf() {
	for _, m := range s.made {
		if s.random.IntN(2) == 0 {
			continue
		}
		options := metav1.DeleteOptions{PropagationPolicy: ptr.To(pick(s.random, []metav1.DeletionPropagation{metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan, metav1.DeletePropagationBackground}))}
		if s.random.IntN(3) == 0 {
			options.GracePeriodSeconds = ptr.To(int64(0))
		}
		switch err := s.in(m.kind, m.namespace).Delete(s.Context(), m.name, options); {
		case err == nil:
			s.counts["deleted"]++
		case !apierrors.IsNotFound(err):
			s.refused(m.kind, "delete", "half", &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": m.name, "namespace": m.namespace}}}, err)
		}
	}
}
