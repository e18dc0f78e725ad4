package garbagecollector

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func describe(actions []action) string {
	var words []string
	names := func(nodes []*node) (all []string) {
		for _, n := range nodes {
			all = append(all, n.object.GetName())
		}
		return all
	}
	for _, a := range actions {
		switch a := a.(type) {
		case forgetOwners:
			var forgotten []string
			for _, ref := range a.references {
				forgotten = append(forgotten, ref.Kind+"/"+ref.Name)
			}
			words = append(words, fmt.Sprintf("forget %v", forgotten))
		case remove:
			words = append(words, "remove "+string(a.policy))
		case dropFinalizer:
			words = append(words, "drop "+a.finalizer)
		case orphan:
			words = append(words, fmt.Sprintf("orphan %v", names(a.dependents)))
		case wakeDependents:
			words = append(words, fmt.Sprintf("wake %v", names(a.dependents)))
		case unblock:
			words = append(words, "unblock")
		}
	}
	return strings.Join(words, ", ")
}

func TestDecideEnding(t *testing.T) {
	const foreground, orphaning = "a deleting finalizer=foregroundDeletion", "a deleting finalizer=orphan"
	tests := []struct {
		name, node string
		dependents []string
		want       string
	}{
		{"nothing to do", "a deleting", nil, ""},
		{"foreground without dependents", foreground, nil, "drop foregroundDeletion"},
		{"foreground with dependents that do not block", foreground, []string{"b < a"}, "drop foregroundDeletion"},
		{"foreground with dependents", foreground, []string{"b < a!", "c < a"}, "wake [b]"},
		{"foreground with ending dependents", foreground, []string{"b deleting < a!"}, ""},
		{"orphaning", orphaning, []string{"b < a!", "c < a"}, "orphan [b c], drop orphan"},
		{"orphaning without dependents", orphaning, nil, "drop orphan"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var dependents []*node
			for _, text := range test.dependents {
				dependents = append(dependents, parseNode(text))
			}
			if diff := cmp.Diff(test.want, describe(decideEnding(parseNode(test.node), dependents))); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecideDependent(t *testing.T) {
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
			if diff := cmp.Diff(test.want, describe(decideDependent(parseNode(test.node), test.owners, dependents))); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}
