package desired

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

func staticPod(uid, hash string) *v1.Pod {
	p := pod("web-me", "me", 0)
	p.UID = types.UID(uid)
	p.Annotations = map[string]string{pods.SourceAnnotation: pods.SourceFile, pods.HashAnnotation: hash}
	return p
}

func mirrorOf(hash string) *v1.Pod {
	m := staticPod("mirror-"+hash, hash)
	m.Annotations[v1.MirrorPodAnnotationKey] = hash
	m.Status.Phase, m.ResourceVersion = v1.PodRunning, "7"
	return m
}

// never is an informer that does not hear of its server.
type never struct{}

func (never) Name() string          { return "never" }
func (never) Done() <-chan struct{} { return nil }

// statuses adds the phase to what a sink records.
type statuses struct{ sink }

func (s *statuses) Update(pod *v1.Pod, running bool) {
	s.sink.Update(pod, running)
	s.add("  " + string(pod.UID) + " is " + string(pod.Status.Phase) + " at " + pod.ResourceVersion)
}

// begin runs a Desired with these pods in the API; informers beside that of pods stand for the rest of the API.
func begin(t *testing.T, client *fake.Clientset, s Sink, start Start) (d *Desired, mirrors *[]string, end func()) {
	t.Helper()
	factory := informers.NewSharedInformerFactory(client, 0)
	d, err := New(factory.Core().V1().Pods().Informer(), "me")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	factory.StartWithContext(ctx)
	mirrors = &[]string{}
	start.MirrorChanged = func(name types.NamespacedName) { *mirrors = append(*mirrors, name.String()) }
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run(ctx, s, start)
	}()
	return d, mirrors, func() {
		cancel()
		<-done
		factory.Shutdown()
	}
}

// TestStaticWithoutAPI: static pods run before the API has told anything; nothing of others is touched until it has.
func TestStaticWithoutAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		found := []podstate.Observed{{UID: "other", Name: "other"}, {UID: "one", Name: "web-me"}}
		d, _, end := begin(t, fake.NewClientset(pod("api", "me", 0)), s, Start{Found: found, Synced: []cache.DoneChecker{never{}}})
		defer end()
		synctest.Wait()
		if got := s.take(); len(got) > 0 {
			t.Errorf("before the files were read: %v", got)
		}
		d.SetStatic([]*v1.Pod{staticPod("one", "1")})
		synctest.Wait()
		if diff := cmp.Diff([]string{"update web-me taken"}, s.take()); diff != "" {
			t.Errorf("static pods (-want +got):\n%s", diff)
		}
	})
}

// TestStaticIsNoOrphan: a static pod that runs since before is never taken for an orphan, whichever news is heard first. The
// order is chance, so it is tried often.
func TestStaticIsNoOrphan(t *testing.T) {
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			s := &sink{}
			d, _, end := begin(t, fake.NewClientset(), s, Start{Found: []podstate.Observed{{UID: "one", Name: "web-me"}}})
			defer end()
			synctest.Wait()
			d.SetStatic([]*v1.Pod{staticPod("one", "1")})
			synctest.Wait()
			for _, call := range s.take() {
				if strings.HasPrefix(call, "orphan") {
					t.Error(call)
				}
			}
		})
	}
}

// TestStatic is the life of a static pod.
func TestStatic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		s := &statuses{}
		d, mirrors, end := begin(t, client, s, Start{Found: []podstate.Observed{{UID: "left", Name: "left"}}})
		defer end()
		name := types.NamespacedName{Namespace: "ns", Name: "web-me"}
		expect := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(want, s.take()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		expect("before the files were read nothing counts as left over")
		d.SetStatic([]*v1.Pod{staticPod("one", "1")})
		expect("a file", "update web-me", "  one is  at ", "orphan left left")
		if diff := cmp.Diff([]string{name.String()}, *mirrors); diff != "" {
			t.Errorf("mirrors to look at (-want +got):\n%s", diff)
		}
		api := client.CoreV1().Pods("ns")
		if _, err := api.Create(t.Context(), mirrorOf("1"), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		expect("its mirror", "update web-me", "  one is Running at 7")

		d.SetStatic([]*v1.Pod{staticPod("two", "2")})
		expect("the file changes", "delete one")
		if got := d.Static(name); !got.Ending || got.Wanted.UID != "two" || got.Mirror.UID != "mirror-1" {
			t.Errorf("while it ends: %+v", got)
		}
		d.Ended("one")
		expect("the old pod has ended; the mirror is still the old one's", "update web-me", "  two is  at ")

		d.SetStatic(nil)
		expect("the file goes", "delete two")
		d.Ended("two")
		expect("it has ended")
		if got := d.Static(name); got.Ending || got.Wanted != nil || got.Mirror == nil {
			t.Errorf("at the end: %+v", got)
		}
		if err := api.Delete(t.Context(), "web-me", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		expect("the mirror goes")
		if got := d.Static(name); got.Mirror != nil {
			t.Errorf("after all: %+v", got)
		}
	})
}
