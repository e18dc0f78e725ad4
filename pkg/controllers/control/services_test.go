package control_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// selections are over services and pods that no server has.
func selections(t testing.TB, services []*v1.Service, pods []*v1.Pod) *control.Selections {
	t.Helper()
	core := informers.NewSharedInformerFactory(fake.NewClientset(), 0).Core().V1()
	s, err := control.NewSelections(core)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := control.NewSelections(core); err != nil {
		t.Fatalf("a second time: %v", err)
	}
	for _, service := range services {
		if err := core.Services().Informer().GetIndexer().Add(service); err != nil {
			t.Fatal(err)
		}
	}
	for _, pod := range pods {
		if err := core.Pods().Informer().GetIndexer().Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func randomLabels(r *rand.Rand, most int) map[string]string {
	set := map[string]string{}
	for range r.IntN(most + 1) {
		set[[]string{"app", "tier", "release"}[r.IntN(3)]] = []string{"", "a", "bb", "shop"}[r.IntN(4)]
	}
	return set
}

// The indexes find what a look at all services and pods finds.
func TestSelections(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var services []*v1.Service
	var pods []*v1.Pod
	for i := range 60 {
		meta := metav1.ObjectMeta{Namespace: []string{"x", "y"}[i%2], Name: fmt.Sprintf("n%d", i)}
		service := &v1.Service{ObjectMeta: meta, Spec: v1.ServiceSpec{Selector: randomLabels(r, 3)}}
		if len(service.Spec.Selector) == 0 {
			service.Spec.Selector = nil
		}
		services = append(services, service)
		meta.Labels = randomLabels(r, 4)
		pods = append(pods, &v1.Pod{ObjectMeta: meta})
	}
	s := selections(t, services, pods)
	matches := func(service *v1.Service, pod *v1.Pod) bool {
		return service.Namespace == pod.Namespace && service.Spec.Selector != nil && labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(pod.Labels))
	}
	for _, service := range services {
		var want, got []string
		for _, pod := range pods {
			if matches(service, pod) {
				want = append(want, pod.Name)
			}
		}
		found, err := s.Pods(service)
		if err != nil {
			t.Fatal(err)
		}
		for _, pod := range found {
			got = append(got, pod.Name)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pods of %v (-want +got):\n%s", service.Spec.Selector, diff)
		}
	}
	for i, pod := range pods {
		before := pod.DeepCopy()
		before.Labels = pods[(i+2)%len(pods)].Labels
		for name, old := range map[string]*v1.Pod{"new": nil, "of other labels": before} {
			want, got := map[string]bool{}, map[string]bool{}
			for _, service := range services {
				if matches(service, pod) || old != nil && matches(service, old) {
					want[service.Name] = true
				}
			}
			if old != nil && maps.Equal(old.Labels, pod.Labels) {
				clear(want)
			}
			for _, key := range s.Services(old, pod) {
				got[key.Name] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("services of pod %v, %s (-want +got):\n%s", pod.Labels, name, diff)
			}
		}
	}
}

// BenchmarkSelections is one event of a pod and one look at a service among 10,000 of each in a namespace.
func BenchmarkSelections(b *testing.B) {
	var services []*v1.Service
	var pods []*v1.Pod
	for i := range 10000 {
		set := map[string]string{"app": fmt.Sprintf("app-%d", i), "team": "shop"}
		meta := metav1.ObjectMeta{Namespace: "x", Name: fmt.Sprintf("n%d", i)}
		services = append(services, &v1.Service{ObjectMeta: meta, Spec: v1.ServiceSpec{Selector: set}})
		meta.Labels = set
		pods = append(pods, &v1.Pod{ObjectMeta: meta})
	}
	s := selections(b, services, pods)
	b.Run("event", func(b *testing.B) {
		for i := range b.N {
			if len(s.Services(nil, pods[i%len(pods)])) != 1 {
				b.Fatal("not one service")
			}
		}
	})
	b.Run("look", func(b *testing.B) {
		for i := range b.N {
			if found, err := s.Pods(services[i%len(services)]); err != nil || len(found) != 1 {
				b.Fatal("not one pod")
			}
		}
	})
}
