package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	configv1 "k8s.io/kube-scheduler/config/v1"

	"github.com/proa-sh/proa/pkg/scheduler/config"
	"github.com/proa-sh/proa/pkg/scheduler/profile"
)

// cluster is a scheduler on a fake API server whose pods/binding works.
type cluster struct {
	t      *testing.T
	client *fake.Clientset
	// bindError, when it returns one, makes a binding fail.
	bindError func(binding *v1.Binding) error
	factories map[string]profile.Factory

	mu     sync.Mutex
	events []string
}

// start runs a scheduler until the test ends.
func start(t *testing.T, cfg *configv1.KubeSchedulerConfiguration, objects ...runtime.Object) *cluster {
	t.Helper()
	c := prepare(t, objects...)
	c.run(cfg)
	return c
}

func prepare(t *testing.T, objects ...runtime.Object) *cluster {
	c := &cluster{t: t, client: fake.NewClientset(objects...)}
	c.client.PrependReactor("create", "pods", c.bind)
	c.client.PrependReactor("create", "events", c.record)
	return c
}

func (c *cluster) run(cfg *configv1.KubeSchedulerConfiguration) {
	t := c.t
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	factory := informers.NewSharedInformerFactory(c.client, 0)
	s, err := New(Config{Informers: factory, Client: c.client, Configuration: cfg, Factories: c.factories})
	if err != nil {
		t.Fatal(err)
	}
	factory.Start(ctx.Done())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		factory.Shutdown()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
	if err := s.Healthy(); err != nil {
		t.Fatal(err)
	}
}

// pass lets time pass, and what then happens happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func priority(n int32) func(*v1.Pod) { return func(p *v1.Pod) { p.Spec.Priority = &n } }

func (c *cluster) bind(action k8stesting.Action) (bool, runtime.Object, error) {
	if action.GetSubresource() != "binding" {
		return false, nil, nil
	}
	binding := action.(k8stesting.CreateAction).GetObject().(*v1.Binding)
	if c.bindError != nil {
		if err := c.bindError(binding); err != nil {
			return true, nil, err
		}
	}
	pods := v1.SchemeGroupVersion.WithResource("pods")
	obj, err := c.client.Tracker().Get(pods, action.GetNamespace(), binding.Name)
	if err != nil {
		return true, nil, err
	}
	pod := obj.(*v1.Pod).DeepCopy()
	pod.Spec.NodeName = binding.Target.Name
	return true, binding, c.client.Tracker().Update(pods, pod, pod.Namespace)
}

func (c *cluster) record(action k8stesting.Action) (bool, runtime.Object, error) {
	event, ok := action.(k8stesting.CreateAction).GetObject().(*eventsv1.Event)
	if !ok {
		return false, nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, fmt.Sprintf("%s %s %s %s: %s", event.ReportingController, event.Type, event.Reason, event.Action, event.Note))
	return true, event, nil
}

// checkEvents compares the events since the last time.
func (c *cluster) checkEvents(want ...string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.events)
	if diff := cmp.Diff(want, c.events); diff != "" {
		c.t.Errorf("events (-want +got):\n%s", diff)
	}
	c.events = nil
}

func (c *cluster) create(pods ...*v1.Pod) {
	c.t.Helper()
	for _, p := range pods {
		if _, err := c.client.CoreV1().Pods(p.Namespace).Create(context.Background(), p, metav1.CreateOptions{}); err != nil {
			c.t.Fatal(err)
		}
	}
	synctest.Wait()
}

func (c *cluster) pod(name string) *v1.Pod {
	c.t.Helper()
	pod, err := c.client.CoreV1().Pods("default").Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	return pod
}

func (c *cluster) updateNode(node *v1.Node) {
	c.t.Helper()
	if _, err := c.client.CoreV1().Nodes().Update(context.Background(), node, metav1.UpdateOptions{}); err != nil {
		c.t.Fatal(err)
	}
	synctest.Wait()
}

// conditionOf is "status reason: message" of a pod's PodScheduled condition.
func conditionOf(pod *v1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == v1.PodScheduled {
			return fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
		}
	}
	return ""
}

func newNode(name, cpu string, change ...func(*v1.Node)) *v1.Node {
	n := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{v1.LabelHostname: name}},
		Status: v1.NodeStatus{Allocatable: v1.ResourceList{
			v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse("16Gi"), v1.ResourcePods: resource.MustParse("110"),
		}},
	}
	for _, f := range change {
		f(n)
	}
	return n
}

func newPod(name, cpu string, change ...func(*v1.Pod)) *v1.Pod {
	p := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Generation: 1},
		Spec: v1.PodSpec{
			SchedulerName: v1.DefaultSchedulerName,
			Containers: []v1.Container{{Name: "c", Image: "i", Resources: v1.ResourceRequirements{
				Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu)},
			}}},
		},
		Status: v1.PodStatus{Phase: v1.PodPending},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func taint(n *v1.Node) {
	n.Spec.Taints = []v1.Taint{{Key: "dedicated", Value: "x", Effect: v1.TaintEffectNoSchedule}}
}

func TestSchedulerBindsAndReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, nil, newNode("big", "4"), newNode("small", "1"), newNode("tainted", "8", taint))
		c.create(newPod("a", "3"))
		if got := c.pod("a").Spec.NodeName; got != "big" {
			t.Errorf("pod a is on %q, want big", got)
		}
		c.create(newPod("b", "2"))
		const why = "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. " +
			"preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling."
		if diff := cmp.Diff("False Unschedulable: "+why, conditionOf(c.pod("b"))); diff != "" {
			t.Errorf("condition of pod b (-want +got):\n%s", diff)
		}
		c.checkEvents("default-scheduler Normal Scheduled Binding: Successfully assigned default/a to big",
			"default-scheduler Warning FailedScheduling Scheduling: "+why)
		// An untainted node is what pod b waits for.
		c.updateNode(newNode("tainted", "8"))
		pass(2 * time.Second)
		if got := c.pod("b").Spec.NodeName; got != "tainted" {
			t.Errorf("pod b is on %q, want tainted", got)
		}
		c.checkEvents("default-scheduler Normal Scheduled Binding: Successfully assigned default/b to tainted")
	})
}

func TestSchedulerRetriesFailedBindings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		c := prepare(t, newNode("n", "4"))
		c.bindError = func(*v1.Binding) error {
			if attempts.Add(1) < 3 {
				return apierrors.NewInternalError(errors.New("try again"))
			}
			return nil
		}
		c.run(nil)
		c.create(newPod("p", "3"))
		if diff := cmp.Diff(`False SchedulerError: run Bind of plugin "DefaultBinder": bind pod to node "n": Internal error occurred: try again`, conditionOf(c.pod("p"))); diff != "" {
			t.Errorf("condition (-want +got):\n%s", diff)
		}
		// The room that was claimed is free again: another pod of that size would take it. Penalties are 1 and 2 s.
		pass(3 * time.Second)
		if got := c.pod("p").Spec.NodeName; got != "n" || attempts.Load() != 3 {
			t.Errorf("pod is on %q after %d attempts, want n after 3", got, attempts.Load())
		}
	})
}

func TestSchedulerGates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, nil, newNode("n", "4"))
		c.create(newPod("p", "1", func(p *v1.Pod) { p.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "a.com/g"}} }))
		if diff := cmp.Diff("False SchedulingGated: waiting for scheduling gates: [a.com/g]", conditionOf(c.pod("p"))); diff != "" {
			t.Errorf("condition (-want +got):\n%s", diff)
		}
		open := c.pod("p").DeepCopy()
		open.Spec.SchedulingGates = nil
		if _, err := c.client.CoreV1().Pods("default").Update(context.Background(), open, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := c.pod("p").Spec.NodeName; got != "n" {
			t.Errorf("pod is on %q, want n", got)
		}
	})
}

func TestSchedulerPreempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, nil, newNode("n", "4"))
		c.create(newPod("low", "3"))
		c.create(newPod("high", "2", priority(10)), newPod("middle", "3", priority(5)))
		pass(10 * time.Second)
		if got := c.pod("high").Spec.NodeName; got != "n" {
			t.Errorf("pod high is on %q, want n", got)
		}
		if _, err := c.client.CoreV1().Pods("default").Get(context.Background(), "low", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("pod low was not evicted: %v", err)
		}
		if got := c.pod("middle").Spec.NodeName; got != "" {
			t.Errorf("pod middle is on %q, want none", got)
		}
	})
}

func TestSchedulerKeepsRoomForNominatedPods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, nil, newNode("n", "4"))
		// Its victim takes time to go: the fake server deletes at once, so the nomination is set by hand.
		c.create(newPod("blocker", "3"))
		c.create(newPod("nominated", "4", priority(10), func(p *v1.Pod) {
			p.Status.NominatedNodeName = "n"
			never := v1.PreemptNever
			p.Spec.PreemptionPolicy = &never
		}))
		c.create(newPod("small", "1"))
		if got := c.pod("small").Spec.NodeName; got != "" {
			t.Errorf("pod small is on %q, which is kept for another", got)
		}
		if err := c.client.CoreV1().Pods("default").Delete(context.Background(), "blocker", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		if got := c.pod("nominated").Spec.NodeName; got != "n" {
			t.Errorf("the nominated pod is on %q, want n", got)
		}
	})
}

func TestSchedulerProfiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, err := config.Load([]byte(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: spreading
- schedulerName: packing
  pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated}}}]
  plugins: {score: {disabled: [{name: NodeResourcesBalancedAllocation}]}}
`))
		if err != nil {
			t.Fatal(err)
		}
		c := start(t, cfg, newNode("full", "4"), newNode("empty", "4"), newPod("existing", "2", func(p *v1.Pod) { p.Spec.NodeName = "full" }))
		by := func(scheduler string) func(*v1.Pod) { return func(p *v1.Pod) { p.Spec.SchedulerName = scheduler } }
		c.create(newPod("s", "100m", by("spreading")), newPod("p", "100m", by("packing")), newPod("other", "100m"))
		got := []string{c.pod("s").Spec.NodeName, c.pod("p").Spec.NodeName, c.pod("other").Spec.NodeName}
		if diff := cmp.Diff([]string{"empty", "full", ""}, got); diff != "" {
			t.Errorf("nodes (-want +got):\n%s", diff)
		}
	})
}

// TestPodTransitions feeds one pod's changes to the handlers, and says where it is kept after each.
func TestPodTransitions(t *testing.T) {
	client := fake.NewClientset()
	s, err := New(Config{Informers: informers.NewSharedInformerFactory(client, 0), Client: client})
	if err != nil {
		t.Fatal(err)
	}
	where := func() string {
		_, pods, assumed := s.cache.Counts()
		return fmt.Sprintf("queue %v, cache %d, assumed %d", s.queue.Counts(), pods, assumed)
	}
	pending, bound := newPod("p", "1"), newPod("p", "1", func(p *v1.Pod) { p.Spec.NodeName = "n" })
	ended := newPod("p", "1", func(p *v1.Pod) { p.Spec.NodeName, p.Status.Phase = "n", v1.PodSucceeded })
	again := newPod("p", "1", func(p *v1.Pod) { p.UID = "new" })
	for _, step := range []struct {
		what     string
		old, new *v1.Pod
		want     string
	}{
		{"created", nil, pending, "queue map[active:1], cache 0, assumed 0"},
		{"bound", pending, bound, "queue map[], cache 1, assumed 0"},
		{"ended", bound, ended, "queue map[], cache 0, assumed 0"},
		{"deleted", ended, nil, "queue map[], cache 0, assumed 0"},
		{"seen when bound already", nil, bound, "queue map[], cache 1, assumed 0"},
		{"made anew under its name", bound, again, "queue map[active:1], cache 0, assumed 0"},
		{"another scheduler's", again, newPod("p", "1", func(p *v1.Pod) { p.UID, p.Spec.SchedulerName = "new", "x" }), "queue map[], cache 0, assumed 0"},
	} {
		s.podChanged(step.old, step.new)
		if diff := cmp.Diff(step.want, where()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
}
