package garbagecollector

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// parseNode reads "name [deleting] [finalizer=x ...] [< owner[!] ...]", where ! means that the owner is blocked. Objects
// have their name as UID.
func parseNode(text string) *node {
	meta := &metav1.ObjectMeta{Namespace: "default"}
	words, owning := strings.Fields(text), false
	meta.Name, meta.UID = words[0], types.UID(words[0])
	for _, word := range words[1:] {
		switch finalizer, isFinalizer := strings.CutPrefix(word, "finalizer="); {
		case word == "<":
			owning = true
		case owning:
			name, block := strings.CutSuffix(word, "!")
			kind, other, isOther := strings.Cut(name, "/")
			if name = other; !isOther {
				kind, name = "ConfigMap", kind
			}
			meta.OwnerReferences = append(meta.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: kind, Name: name, UID: types.UID(name), BlockOwnerDeletion: &block})
		case word == "deleting":
			meta.DeletionTimestamp = &metav1.Time{}
		case isFinalizer:
			meta.Finalizers = append(meta.Finalizers, finalizer)
		}
	}
	return &node{schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, schema.GroupKind{Kind: "ConfigMap"}, meta}
}

// Each step changes the graph and tells who is woken.
func TestGraph(t *testing.T) {
	const foreground = " deleting finalizer=foregroundDeletion"
	tests := []struct {
		name  string
		steps [][2]string // what happens, who is woken
	}{
		{"an object without owners", [][2]string{{"a", ""}}},
		{"an owner that is known", [][2]string{{"a", ""}, {"b < a", ""}}},
		{"an owner that is not", [][2]string{{"b < a", "b"}, {"a", ""}}},
		{"an owner of another kind", [][2]string{{"a", ""}, {"b < Secret/a", "b"}}},
		{"an owner that goes", [][2]string{{"a", ""}, {"b < a", ""}, {"c < a", ""}, {"-a", "b c"}}},
		{"foreground deletion", [][2]string{{"a", ""}, {"b < a!", ""}, {"a" + foreground, "a"}, {"b deleting < a!", ""}, {"-b", "a"}}},
		{"a dependent of an owner in foreground deletion", [][2]string{{"a" + foreground, "a"}, {"b < a!", "b"}}},
		{"a dependent that blocks no more", [][2]string{{"a" + foreground, "a"}, {"b < a!", "b"}, {"b < a", "a"}}},
		{"orphaning", [][2]string{{"a", ""}, {"b < a", ""}, {"a deleting finalizer=orphan", "a"}}},
		{"a change of no interest", [][2]string{{"b < a", "b"}, {"b < a", ""}}},
		{"another owner", [][2]string{{"a", ""}, {"b < a", ""}, {"b < a x", "b"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := newGraph()
			for _, step := range test.steps {
				var woken []types.UID
				if name, gone := strings.CutPrefix(step[0], "-"); gone {
					woken = g.remove(types.UID(name))
				} else {
					woken = g.put(parseNode(step[0]))
				}
				slices.Sort(woken)
				var got []string
				for _, uid := range woken {
					got = append(got, string(uid))
				}
				if diff := cmp.Diff(strings.Fields(step[1]), got, cmp.Transformer("nil", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
					t.Errorf("woken by %q (-want +got):\n%s", step[0], diff)
				}
			}
		})
	}
}

func TestRemoveLeavesNothing(t *testing.T) {
	g := newGraph()
	g.put(parseNode("a"))
	g.put(parseNode("b < a x"))
	g.remove("b")
	g.removeKind(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"})
	if len(g.nodes)+len(g.dependents) != 0 {
		t.Errorf("left over: %v %v", g.nodes, g.dependents)
	}
}
