package desired

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// sink records calls.
type sink struct {
	mu    sync.Mutex
	calls []string
}

func (s *sink) add(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

func (s *sink) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

func (s *sink) Update(pod *v1.Pod, taken bool) {
	call := "update " + pod.Name
	if taken {
		call += " taken"
	}
	s.add(call)
}
func (s *sink) Delete(uid types.UID) { s.add("delete " + string(uid)) }
func (s *sink) Orphan(pod *v1.Pod) {
	call := "orphan " + string(pod.UID) + " " + pod.Name
	for _, c := range pod.Spec.Containers {
		call += " " + c.Name
		if c.Lifecycle != nil {
			call += " with hook"
		}
	}
	s.add(call)
}

func pod(name, node string, age time.Duration) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", UID: types.UID("u-" + name), CreationTimestamp: metav1.Time{Time: time.Now().Add(-age)}},
		Spec:       v1.PodSpec{NodeName: node},
	}
}

func TestDesired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(pod("young", "me", time.Second), pod("old", "me", time.Hour), pod("kept", "me", time.Minute), pod("other", "you", time.Hour))
		factory := informers.NewSharedInformerFactory(client, 0)
		d, err := New(factory.Core().V1().Pods().Informer(), "me")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		factory.StartWithContext(ctx)
		d.SetStatic(nil)
		s := &sink{}
		done := make(chan struct{})
		found := []podstate.Observed{
			{UID: "u-kept", Name: "kept"},
			{UID: "u-gone", Name: "gone", Containers: []podstate.Container{{Name: "a", GracePeriod: 7, PreStop: &v1.LifecycleHandler{}}, {Name: "a"}, {Name: "b"}}},
			{UID: "u-both", Name: "both", Containers: []podstate.Container{{Name: "a"}}},
		}
		recorded := pod("both", "", 0)
		recorded.Spec.Containers = []v1.Container{{Name: "a", Lifecycle: &v1.Lifecycle{}}}
		stray := podstate.Observed{}
		start := Start{
			Found: found, Leftover: []types.UID{"u-old", "u-left", "u-gone", "u-both"}, Recorded: []*v1.Pod{pod("young", "", 0), recorded},
			Inspect: func(context.Context, types.UID) (podstate.Observed, error) { return stray, nil },
		}
		go func() {
			defer close(done)
			d.Run(ctx, s, start)
		}()
		expect := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(want, s.take()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		expect("start", "update kept taken", "update young taken", "update old",
			"orphan u-both both a with hook", "orphan u-gone gone a with hook b", "orphan u-left ")
		d.Stray("u-late")
		expect("a report on a pod of which nothing is left")
		stray = podstate.Observed{UID: "u-late", Name: "late", Namespace: "ns", Sandboxes: []podstate.Sandbox{{ID: "s"}}}
		d.Stray("u-kept")
		expect("a report on a pod that is desired")
		d.Stray("u-late")
		expect("a sandbox that was made after its pod had ended", "orphan u-late late")
		pods := client.CoreV1().Pods("ns")
		if _, err := pods.Create(ctx, pod("new", "me", 0), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		expect("new pod", "update new")
		if _, err := pods.Create(ctx, pod("far", "you", 0), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		expect("another node's pod")
		if err := pods.Delete(ctx, "kept", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		expect("deletion", "delete u-kept")
		cancel()
		<-done
		factory.Shutdown()
	})
}
