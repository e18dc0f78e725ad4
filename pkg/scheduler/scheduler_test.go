package scheduler

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	configv1 "k8s.io/kube-scheduler/config/v1"
)

// cluster is a scheduler on a fake API server whose pods/binding works.
type cluster struct {
	t      *testing.T
	client *fake.Clientset
	// bindError, when it returns one, makes a binding fail.
	bindError func(binding *v1.Binding) error

	mu     sync.Mutex
	events []string
}

// start runs a scheduler until the test's bubble ends.
func start(t *testing.T, cfg *configv1.KubeSchedulerConfiguration, objects ...runtime.Object) *cluster {
	t.Helper()
	c := &cluster{t: t, client: fake.NewClientset(objects...)}
	c.client.PrependReactor("create", "pods", c.bind)
	c.client.PrependReactor("create", "events", c.record)
	ctx, cancel := context.WithCancel(context.Background())
	factory := informers.NewSharedInformerFactory(c.client, 0)
	s, err := New(Config{Informers: factory, Client: c.client, Configuration: cfg})
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
	return c
}

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

func (c *cluster) takeEvents() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	events := c.events
	c.events = nil
	return events
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
		want := "False Unschedulable: 0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu."
		if diff := cmp.Diff(want, conditionOf(c.pod("b"))[:len(want)]); diff != "" {
			t.Errorf("condition of pod b (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(2, len(c.takeEvents())); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		// An untainted node is what pod b waits for.
		c.updateNode(newNode("tainted", "8"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := c.pod("b").Spec.NodeName; got != "tainted" {
			t.Errorf("pod b is on %q, want tainted", got)
		}
		if diff := cmp.Diff([]string{"default-scheduler Normal Scheduled Binding: Successfully assigned default/b to tainted"}, c.takeEvents()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}
