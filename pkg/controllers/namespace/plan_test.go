package namespace

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func ending() *v1.Namespace {
	return &v1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: "a", DeletionTimestamp: &metav1.Time{Time: start}},
		Spec:       v1.NamespaceSpec{Finalizers: []v1.FinalizerName{v1.FinalizerKubernetes}},
	}
}

func TestPlan(t *testing.T) {
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	soon, later := start.Add(5300*time.Millisecond), start.Add(6*time.Second)
	good := map[string]string{
		"NamespaceDeletionDiscoveryFailure":           "False ResourcesDiscovered: All resources successfully discovered",
		"NamespaceDeletionGroupVersionParsingFailure": "False ParsedGroupVersions: All legacy kube types successfully parsed",
		"NamespaceDeletionContentFailure":             "False ContentDeleted: All content successfully deleted, may be waiting on finalization",
		"NamespaceContentRemaining":                   "False ContentRemoved: All content successfully removed",
		"NamespaceFinalizersRemaining":                "False ContentHasNoFinalizers: All content-preserving finalizers finished",
	}
	with := func(changes map[string]string) map[string]string {
		all := map[string]string{}
		for _, from := range []map[string]string{good, changes} {
			for k, v := range from {
				all[k] = v
			}
		}
		return all
	}
	tests := []struct {
		name       string
		pass       pass
		now        time.Time
		finalize   bool
		again      time.Duration
		conditions map[string]string
	}{
		{name: "empty, but too early to believe it", now: soon, again: 700 * time.Millisecond},
		{name: "emptied: look again", pass: pass{found: true}, now: later, again: time.Millisecond},
		{name: "empty", now: later, finalize: true},
		{
			name: "pods end, held by a finalizer", now: later,
			pass: pass{found: true, left: map[schema.GroupVersionResource]int{pods: 2}, finalizers: map[string]int{"example.com/hold": 1}},
			conditions: with(map[string]string{
				"NamespaceContentRemaining":    "True SomeResourcesRemain: Some resources are remaining: pods. has 2 resource instances",
				"NamespaceFinalizersRemaining": "True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
			}),
		},
		{
			name: "a group does not answer", now: later,
			pass: pass{undiscovered: map[schema.GroupVersion]error{{Group: "x.io", Version: "v1"}: errors.New("down")}},
			conditions: with(map[string]string{
				"NamespaceDeletionDiscoveryFailure": "True DiscoveryFailed: Discovery failed for some groups, 1 failing: x.io/v1: down",
			}),
		},
		{
			name: "deleting fails", now: later, pass: pass{failed: []error{errors.New("no")}},
			conditions: with(map[string]string{
				"NamespaceDeletionContentFailure": "True ContentDeletionFailed: Failed to delete all resource types, 1 remaining: no",
			}),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := plan(ending(), test.pass, test.now)
			if v.finalize != test.finalize || v.again != test.again {
				t.Errorf("finalize %v again %v, want %v %v", v.finalize, v.again, test.finalize, test.again)
			}
			var got map[string]string
			for _, c := range v.conditions {
				if got == nil {
					got = map[string]string{}
				}
				got[string(c.Type)] = string(c.Status) + " " + c.Reason + ": " + c.Message
			}
			if diff := cmp.Diff(test.conditions, got); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}
