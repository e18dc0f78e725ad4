package mirrors

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/proa-sh/proa/pkg/pods"
)

func staticPod(hash string) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p-n1", Namespace: "ns", UID: types.UID("static-" + hash), Annotations: map[string]string{
			pods.SourceAnnotation: pods.SourceFile, pods.HashAnnotation: hash,
		}},
		Spec: v1.PodSpec{NodeName: "n1", Containers: []v1.Container{{Name: "c"}}},
	}
}

func mirrorOf(hash string) *v1.Pod {
	mirror := staticPod(hash)
	mirror.UID = types.UID("mirror-" + hash)
	mirror.Annotations[v1.MirrorPodAnnotationKey] = hash
	return mirror
}

func TestPlan(t *testing.T) {
	deleted := mirrorOf("1")
	deleted.DeletionTimestamp = &metav1.Time{}
	for name, test := range map[string]struct {
		known Known
		want  action
	}{
		"nothing known":              {Known{}, nothing},
		"no mirror yet":              {Known{Wanted: staticPod("1")}, create},
		"as it should be":            {Known{Wanted: staticPod("1"), Mirror: mirrorOf("1")}, nothing},
		"the file has changed":       {Known{Wanted: staticPod("2"), Mirror: mirrorOf("1")}, remove},
		"the old one still ends":     {Known{Wanted: staticPod("2"), Mirror: mirrorOf("1"), Ending: true}, nothing},
		"somebody deletes it":        {Known{Wanted: staticPod("1"), Mirror: deleted}, remove},
		"the file is gone":           {Known{Mirror: mirrorOf("1")}, remove},
		"the file is gone, it ends":  {Known{Mirror: mirrorOf("1"), Ending: true}, nothing},
		"left by an earlier kubelet": {Known{Mirror: mirrorOf("0")}, remove},
	} {
		if got := plan(test.known); got != test.want {
			t.Errorf("%s: %s is due, want %s", name, got, test.want)
		}
	}
}

// TestKeeper: a mirror is made once the node is known, made anew for another content, and removed in the end.
func TestKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		var mu sync.Mutex
		var wanted *v1.Pod
		var node *v1.Node
		name := types.NamespacedName{Namespace: "ns", Name: "p-n1"}
		stored := func() *v1.Pod {
			pod, err := client.CoreV1().Pods("ns").Get(context.Background(), "p-n1", metav1.GetOptions{})
			if err != nil {
				return nil
			}
			return pod
		}
		k := New(Config{
			Client: client,
			Look: func(types.NamespacedName) Known {
				mu.Lock()
				defer mu.Unlock()
				return Known{Wanted: wanted, Mirror: stored()}
			},
			Node: func() (*v1.Node, error) {
				mu.Lock()
				defer mu.Unlock()
				if node == nil {
					return nil, errors.New("not registered")
				}
				return node, nil
			},
		})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- k.Run(ctx) }()
		change := func(w *v1.Pod, n *v1.Node) *v1.Pod {
			mu.Lock()
			wanted, node = w, n
			mu.Unlock()
			// As often as the informer would tell of what has changed.
			for range 3 {
				k.Wake(name)
				time.Sleep(time.Minute)
				synctest.Wait()
			}
			return stored()
		}
		if got := change(staticPod("1"), nil); got != nil {
			t.Errorf("without a node there is %v", got)
		}
		got := change(staticPod("1"), &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", UID: "node-uid"}})
		if got == nil {
			t.Fatal("no mirror was made")
		}
		got.TypeMeta, got.ManagedFields = metav1.TypeMeta{}, nil
		want := mirrorOf("1")
		want.UID = ""
		want.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n1", UID: "node-uid", Controller: new(true)}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("mirror (-want +got):\n%s", diff)
		}
		if got := change(staticPod("2"), node); got == nil || got.Annotations[v1.MirrorPodAnnotationKey] != "2" {
			t.Errorf("after a change there is %v", got)
		}
		if got := change(nil, node); got != nil {
			t.Errorf("after the end there is %v", got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
