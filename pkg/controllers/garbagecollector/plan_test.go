package garbagecollector

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func describe(out outcome) string {
	var words []string
	names := func(nodes []*node) (all []string) {
		for _, n := range nodes {
			all = append(all, n.object.GetName())
		}
		return all
	}
	if out.forget != nil {
		var forgotten []string
		for _, ref := range out.forget {
			forgotten = append(forgotten, ref.Kind+"/"+ref.Name)
		}
		words = append(words, fmt.Sprintf("forget %v", forgotten))
	}
	if out.unblock {
		words = append(words, "unblock")
	}
	if len(out.orphan) > 0 {
		words = append(words, fmt.Sprintf("orphan %v", names(out.orphan)))
	}
	if out.finalizer != "" {
		words = append(words, "drop "+out.finalizer)
	}
	if out.remove != "" {
		words = append(words, "remove "+string(out.remove))
	}
	if len(out.wake) > 0 {
		words = append(words, fmt.Sprintf("wake %v", names(out.wake)))
	}
	return strings.Join(words, ", ")
}

func TestPlanEnding(t *testing.T) {
	const foreground, orphaning = "a deleting finalizer=foregroundDeletion", "a deleting finalizer=orphan"
	tests := []struct {
		name, node string
		dependents []string
		circle     bool
		want       string
	}{
		{"nothing to do", "a deleting", nil, false, ""},
		{"foreground without dependents", foreground, nil, false, "drop foregroundDeletion"},
		{"foreground with dependents that do not block", foreground, []string{"b < a"}, false, "drop foregroundDeletion"},
		{"foreground with dependents", foreground, []string{"b < a!", "c < a"}, false, "wake [b]"},
		{"foreground with ending dependents", foreground, []string{"b deleting < a!"}, false, ""},
		{"foreground in a circle", foreground + " < b!", []string{"b deleting finalizer=foregroundDeletion < a!"}, true, "unblock"},
		{"foreground in a circle that has been unblocked", foreground + " < b", []string{"b deleting finalizer=foregroundDeletion < a!"}, true, ""},
		{"foreground, its own owner", foreground + " < a!", []string{foreground + " < a!"}, true, "unblock"},
		{"orphaning", orphaning, []string{"b < a!", "c < a"}, false, "orphan [b c], drop orphan"},
		{"orphaning without dependents", orphaning, nil, false, "drop orphan"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var dependents []*node
			for _, text := range test.dependents {
				dependents = append(dependents, parseNode(text))
			}
			n := parseNode(test.node)
			if diff := cmp.Diff(test.want, describe(plan(observed{node: n, dependents: dependents, circle: test.circle}))); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanDependent(t *testing.T) {
	tests := []struct {
		name, node string
		owners     []state
		dependents []string
		want       string
	}{
		{"owner exists", "b < a", []state{solid}, nil, ""},
		{"owner gone", "b < a", []state{dangling}, nil, "remove Background"},
		{"one owner of two gone", "b < a x", []state{dangling, solid}, nil, "forget [ConfigMap/a]"},
		{"two references with one UID, one of another kind", "b < Secret/a a", []state{dangling, solid}, nil, "forget [Secret/a]"},
		{"both gone", "b < a x", []state{dangling, dangling}, nil, "remove Background"},
		{"owner waits", "b < a!", []state{waiting}, nil, "remove Background"},
		{"owner waits, with dependents", "b < a!", []state{waiting}, []string{"c < b"}, "remove Foreground"},
		{"one waits, one exists", "b < a! x", []state{waiting, solid}, nil, "forget [ConfigMap/a]"},
		{"circle", "b < a!", []state{waiting}, []string{"c deleting finalizer=foregroundDeletion < b!"}, "unblock"},
		{"wants orphaning", "b finalizer=orphan < a", []state{dangling}, nil, "remove Orphan"},
		{"wants foreground", "b finalizer=foregroundDeletion < a", []state{dangling}, nil, "remove Foreground"},
		{"no owners", "b", nil, nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var dependents []*node
			for _, text := range test.dependents {
				dependents = append(dependents, parseNode(text))
			}
			if diff := cmp.Diff(test.want, describe(plan(observed{node: parseNode(test.node), owners: test.owners, dependents: dependents}))); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}
