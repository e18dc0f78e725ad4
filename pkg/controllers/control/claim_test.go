package control

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// claimed runs a claim of set over pods and returns the children, the patches made and the error.
func claimed(t *testing.T, set, live *apps.ReplicaSet, patchError error, pods ...*v1.Pod) (children, patched []string, err error) {
	t.Helper()
	informer := cache.NewSharedIndexInformer(&cache.ListWatch{}, &v1.Pod{}, 0, cache.Indexers{})
	if err := IndexByController(informer); err != nil {
		t.Fatal(err)
	}
	if err := IndexByController(informer); err != nil { // again, as a second controller would
		t.Fatal(err)
	}
	for _, pod := range pods {
		if err := informer.GetStore().Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	found, err := Claim[v1.Pod]{
		Owner: set, Kind: apps.SchemeGroupVersion.WithKind("ReplicaSet"), Selector: labels.SelectorFromSet(labels.Set{"app": "web"}), Informer: informer,
		Live: func(context.Context) (metav1.Object, error) { return live, nil },
		Client: patcher(func(name string, patch []byte) (*v1.Pod, error) {
			what := "adopt "
			if strings.Contains(string(patch), "$patch") {
				what = "release "
			}
			patched = append(patched, what+name)
			at := slices.IndexFunc(pods, func(pod *v1.Pod) bool { return pod.Name == name })
			return pods[at], patchError
		}),
	}.Children(t.Context())
	for _, pod := range found {
		children = append(children, pod.Name)
	}
	slices.Sort(children)
	return children, patched, err
}

// patcher is a client that patches pods by a function.
type patcher func(name string, patch []byte) (*v1.Pod, error)

func (p patcher) Patch(_ context.Context, name string, _ types.PatchType, patch []byte, _ metav1.PatchOptions, _ ...string) (*v1.Pod, error) {
	return p(name, patch)
}

func TestClaim(t *testing.T) {
	set := &apps.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "set"}}
	ending := set.DeepCopy()
	ending.DeletionTimestamp = &metav1.Time{}
	other := set.DeepCopy()
	other.UID = "other"
	make := func(name, app, owner string) *v1.Pod {
		one := pod(name, name, "1")
		one.Labels = map[string]string{"app": app}
		if owner != "" {
			one.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(&metav1.ObjectMeta{Name: owner, UID: types.UID(owner)}, apps.SchemeGroupVersion.WithKind("ReplicaSet"))}
		}
		return one
	}
	elsewhere := make("elsewhere", "web", "")
	elsewhere.Namespace = "other"
	dying := make("dying", "web", "")
	dying.DeletionTimestamp = &metav1.Time{}
	pods := []*v1.Pod{make("own", "web", "set"), make("changed", "db", "set"), make("orphan", "web", ""), make("stranger", "web", "x"), make("unlike", "db", ""), elsewhere, dying}
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "x")
	tests := []struct {
		name              string
		set, live         *apps.ReplicaSet
		patchError        error
		children, patched []string
		failed            bool
	}{
		{"adopts and releases", set, set, nil, []string{"orphan", "own"}, []string{"adopt orphan", "release changed"}, false},
		{"an ending owner changes nothing", ending, ending, nil, []string{"own"}, nil, false},
		{"an owner that is ending on the server adopts nothing", set, ending, nil, []string{"own"}, []string{"release changed"}, false},
		{"an owner that was made anew adopts nothing", set, other, nil, []string{"own"}, []string{"release changed"}, false},
		{"children that have gone", set, set, gone, []string{"own"}, []string{"adopt orphan", "release changed"}, false},
		{"refused", set, set, apierrors.NewInternalError(context.Canceled), []string{"own"}, []string{"adopt orphan", "release changed"}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			children, patched, err := claimed(t, test.set, test.live, test.patchError, pods...)
			if diff := cmp.Diff(test.children, children); diff != "" {
				t.Errorf("children (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.patched, patched); diff != "" {
				t.Errorf("patches (-want +got):\n%s", diff)
			}
			if (err != nil) != test.failed {
				t.Errorf("error %v, want one: %v", err, test.failed)
			}
		})
	}
}
