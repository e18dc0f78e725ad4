package scheduler

import (
	"context"
	"fmt"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/config"
	"github.com/proa-sh/proa/pkg/scheduler/profile"
)

// nullBinder binds without an API server, so that benchmarks measure the scheduler alone.
type nullBinder struct{}

func (nullBinder) Name() string { return "NullBinder" }

func (nullBinder) Bind(context.Context, framework.CycleState, *v1.Pod, string) *framework.Status {
	return nil
}

// benchmarkScheduler has nodes and pods on them, in three zones.
func benchmarkScheduler(b *testing.B, nodes, podsPerNode int, existing func(name string) *v1.Pod) *Scheduler {
	b.Helper()
	cfg, err := config.Load([]byte(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- plugins:
    bind: {enabled: [{name: NullBinder}], disabled: [{name: "*"}]}
`))
	if err != nil {
		b.Fatal(err)
	}
	client := fake.NewClientset()
	s, err := New(Config{
		Informers: informers.NewSharedInformerFactory(client, 0), Client: client, Configuration: cfg,
		Factories: map[string]profile.Factory{
			"NullBinder": func(context.Context, runtime.Object, framework.Handle) (framework.Plugin, error) {
				return nullBinder{}, nil
			},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	for i := range nodes {
		node := newNode(fmt.Sprintf("node-%d", i), "32", func(n *v1.Node) {
			n.Labels[v1.LabelTopologyZone] = fmt.Sprintf("zone-%d", i%3)
		})
		s.nodeChanged(nil, node)
		for j := range podsPerNode {
			pod := existing(fmt.Sprintf("existing-%d-%d", i, j))
			pod.Spec.NodeName = node.Name
			s.podChanged(nil, pod)
		}
	}
	return s
}

func basicPod(name string) *v1.Pod { return newPod(name, "10m") }

func labelled(p *v1.Pod) { p.Labels = map[string]string{"app": "x"} }

func antiAffinePod(name string) *v1.Pod {
	return newPod(name, "10m", labelled, func(p *v1.Pod) {
		p.Spec.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{
				TopologyKey: v1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}},
			}},
		}}
	})
}

func affinePod(name string) *v1.Pod {
	return newPod(name, "10m", labelled, func(p *v1.Pod) {
		p.Spec.Affinity = &v1.Affinity{PodAffinity: &v1.PodAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{
				TopologyKey: v1.LabelTopologyZone, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}},
			}},
		}}
	})
}

func preferringPod(name string) *v1.Pod {
	return newPod(name, "10m", labelled, func(p *v1.Pod) {
		p.Spec.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []v1.WeightedPodAffinityTerm{{
				Weight: 100, PodAffinityTerm: v1.PodAffinityTerm{
					TopologyKey: v1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}},
				},
			}},
		}}
	})
}

func spreadPod(action v1.UnsatisfiableConstraintAction) func(name string) *v1.Pod {
	return func(name string) *v1.Pod {
		return newPod(name, "10m", labelled, func(p *v1.Pod) {
			p.Spec.TopologySpreadConstraints = []v1.TopologySpreadConstraint{{
				MaxSkew: 5, TopologyKey: v1.LabelTopologyZone, WhenUnsatisfiable: action,
				LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}},
			}}
		})
	}
}

// BenchmarkSchedule measures whole cycles with a binder that does nothing: from a pod in the queue to its binding done
// and the snapshot ready for the next. One operation is one pod.
func BenchmarkSchedule(b *testing.B) {
	for _, nodes := range []int{1000, 5000} {
		for _, kind := range []struct {
			name string
			pod  func(name string) *v1.Pod
			// most bounds the pods, for those of which a node takes only one.
			most int
		}{
			{name: "basic", pod: basicPod},
			{name: "anti-affinity", pod: antiAffinePod, most: nodes},
			{name: "affinity", pod: affinePod},
			{name: "preferred-anti-affinity", pod: preferringPod},
			{name: "spread", pod: spreadPod(v1.DoNotSchedule)},
			{name: "preferred-spread", pod: spreadPod(v1.ScheduleAnyway)},
		} {
			b.Run(fmt.Sprintf("nodes=%d/%s", nodes, kind.name), func(b *testing.B) {
				s := benchmarkScheduler(b, nodes, 2, basicPod)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				n := b.N
				if kind.most > 0 {
					n = min(n, kind.most)
				}
				for i := range n {
					s.podChanged(nil, kind.pod(fmt.Sprintf("pod-%d", i)))
				}
				b.ReportAllocs()
				b.ResetTimer()
				for range n {
					p, err := s.queue.Pop(ctx)
					if err != nil {
						b.Fatal(err)
					}
					s.schedule(ctx, p)
				}
				s.workers.Wait()
				b.StopTimer()
				if _, _, assumed := s.cache.Counts(); assumed != n {
					b.Fatalf("%d of %d pods were scheduled", assumed, n)
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "pods/s")
			})
		}
	}
}
