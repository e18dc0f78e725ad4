package kubelet_test

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/proa-sh/proa/pkg/kubelet"
	"github.com/proa-sh/proa/pkg/kubelet/options"
	"github.com/proa-sh/proa/pkg/kubelet/runtime/containerdtest"
	"github.com/proa-sh/proa/pkg/kubelet/server"
)

const (
	nodeName = "node1"
	// hostIP is an address that nobody has (RFC 5737): it is only reported.
	hostIP = "192.0.2.10"
)

// rig is a kubelet on a real containerd; the API is client-go's fake.
type rig struct {
	*testing.T
	containerd *containerdtest.Containerd
	client     *fake.Clientset
	// stop ends the kubelet that runs now; shared by all users of the rig.
	stop *func()
	// evictionHard is the configuration of the next kubelet; nil for one that no machine with a full disk fails by.
	evictionHard map[string]string
	// api is served by the next kubelet; nil for none.
	api *server.Config
}

func newClient() *fake.Clientset { return fake.NewClientset() }

func newRig(t *testing.T) *rig {
	r := &rig{T: t, containerd: containerdtest.Start(t), client: newClient(), stop: new(func())}
	r.start()
	t.Cleanup(func() { (*r.stop)() })
	return r
}

// with is the rig for a subtest.
func (r *rig) with(t *testing.T) *rig {
	sub := *r
	sub.T = t
	return &sub
}

func (r *rig) restart() {
	(*r.stop)()
	r.start()
}

// start runs a kubelet; calling it again after stop is a restart.
func (r *rig) start() {
	r.Helper()
	config := options.Default()
	config.ContainerRuntimeEndpoint = r.containerd.Endpoint
	config.FailCgroupV1 = new(false)
	config.CgroupRoot = r.containerd.CgroupRoot
	config.EvictionHard = map[string]string{"memory.available": "50Mi", "nodefs.available": "100Mi", "imagefs.available": "100Mi"}
	if r.evictionHard != nil {
		config.EvictionHard = r.evictionHard
	}
	config.PodLogsDir = filepath.Join(r.containerd.Dir, "pods")
	config.ClusterDNS, config.ClusterDomain = []string{"10.96.0.10"}, "cluster.local"
	factory := informers.NewSharedInformerFactory(r.client, 0)
	k, err := kubelet.New(kubelet.Config{
		NodeName: nodeName, Client: r.client, Informers: factory, Kubelet: config,
		Root: filepath.Join(r.containerd.Dir, "kubelet"), ContainerLogs: filepath.Join(r.containerd.Dir, "containers"),
		NodeIPs: []net.IP{net.ParseIP(hostIP)}, API: r.api,
	})
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := k.Run(ctx)
		if err != nil {
			r.Errorf("kubelet ended: %v", err)
		}
		done <- err
	}()
	factory.Start(ctx.Done())
	*r.stop = func() {
		cancel()
		<-done
		factory.Shutdown()
	}
}

// create makes a pod bound to the node.
func (r *rig) create(name string, spec v1.PodSpec) *v1.Pod {
	r.Helper()
	spec.NodeName = nodeName
	if spec.RestartPolicy == "" {
		spec.RestartPolicy = v1.RestartPolicyAlways
	}
	if spec.TerminationGracePeriodSeconds == nil {
		spec.TerminationGracePeriodSeconds = new(int64(2))
	}
	for i := range spec.InitContainers {
		defaults(&spec.InitContainers[i])
	}
	for i := range spec.Containers {
		defaults(&spec.Containers[i])
	}
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "test", UID: types.UID(name + "-uid"), CreationTimestamp: metav1.Now()},
		Spec:       spec,
	}
	pod, err := r.client.CoreV1().Pods("test").Create(context.Background(), pod, metav1.CreateOptions{})
	if err != nil {
		r.Fatal(err)
	}
	return pod
}

func defaults(c *v1.Container) {
	c.Image = containerdtest.Image
	c.ImagePullPolicy = v1.PullIfNotPresent
	c.TerminationMessagePath = v1.TerminationMessagePathDefault
	c.TerminationMessagePolicy = v1.TerminationMessageReadFile
}

// remove asks for the pod's deletion as the API server does.
func (r *rig) remove(name string) {
	r.Helper()
	pods := r.client.CoreV1().Pods("test")
	pod, err := pods.Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		r.Fatal(err)
	}
	grace := *pod.Spec.TerminationGracePeriodSeconds
	pod.DeletionGracePeriodSeconds = &grace
	pod.DeletionTimestamp = &metav1.Time{Time: time.Now().Add(time.Duration(grace) * time.Second)}
	if _, err := pods.Update(context.Background(), pod, metav1.UpdateOptions{}); err != nil {
		r.Fatal(err)
	}
}

// wait returns the pod when it is as wanted; nil stands for gone.
func (r *rig) wait(name, what string, ok func(*v1.Pod) bool) *v1.Pod {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	w, err := r.client.CoreV1().Pods("test").Watch(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()})
	if err != nil {
		r.Fatal(err)
	}
	defer w.Stop()
	pod, err := r.client.CoreV1().Pods("test").Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		pod = nil
	}
	for {
		if ok(pod) {
			return pod
		}
		select {
		case e := <-w.ResultChan():
			p, isPod := e.Object.(*v1.Pod)
			if !isPod || p.Name != name {
				continue
			}
			pod = p
			if e.Type == watch.Deleted {
				pod = nil
			}
		case <-ctx.Done():
			if pod != nil {
				r.Logf("status: %+v", pod.Status)
			}
			r.logEvents()
			r.Fatalf("pod %s is not %s in time", name, what)
		}
	}
}

// waitNode waits until the node has such a condition.
func (r *rig) waitNode(what string, ok func(v1.NodeCondition) bool) {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	w, err := r.client.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
	if err != nil {
		r.Fatal(err)
	}
	defer w.Stop()
	node, err := r.client.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
	if err != nil {
		r.Fatal(err)
	}
	for !slices.ContainsFunc(node.Status.Conditions, ok) {
		select {
		case e := <-w.ResultChan():
			if changed, isNode := e.Object.(*v1.Node); isNode {
				node = changed
			}
		case <-ctx.Done():
			r.Fatalf("the node is not %s in time: %+v", what, node.Status.Conditions)
		}
	}
}

func (r *rig) logEvents() {
	events, err := r.client.CoreV1().Events("").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		r.Errorf("list events: %v", err)
		return
	}
	for _, e := range events.Items {
		r.Logf("event: %s %s %s: %s", e.InvolvedObject.Name, e.Type, e.Reason, e.Message)
	}
}

func gone(pod *v1.Pod) bool { return pod == nil }

func ready(pod *v1.Pod) bool {
	if pod == nil {
		return false
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == v1.PodReady {
			return c.Status == v1.ConditionTrue
		}
	}
	return false
}

func run(args ...string) v1.Container { return v1.Container{Name: "c", Args: args} }

func TestContainerd(t *testing.T) {
	r := newRig(t)
	t.Run("runs, is probed, and ends", func(t *testing.T) {
		r := r.with(t)
		c := run("touch-and-wait", "/tmp/here")
		c.ReadinessProbe = &v1.Probe{
			ProbeHandler:  v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{containerdtest.Program, "exists", "/tmp/here"}}},
			PeriodSeconds: 1, TimeoutSeconds: 5, SuccessThreshold: 1, FailureThreshold: 3,
		}
		r.create("probed", v1.PodSpec{Containers: []v1.Container{c}})
		pod := r.wait("probed", "ready", ready)
		if pod.Status.Phase != v1.PodRunning || pod.Status.PodIP == "" || pod.Status.HostIP != hostIP {
			t.Errorf("status is %+v", pod.Status)
		}
		r.remove("probed")
		r.wait("probed", "gone", gone)
	})
	t.Run("a container that exits is started again", func(t *testing.T) {
		r := r.with(t)
		r.create("restarts", v1.PodSpec{Containers: []v1.Container{run("message", "3", "last words")}})
		pod := r.wait("restarts", "restarted", func(p *v1.Pod) bool {
			return p != nil && len(p.Status.ContainerStatuses) == 1 && p.Status.ContainerStatuses[0].State.Waiting != nil &&
				p.Status.ContainerStatuses[0].State.Waiting.Reason == "CrashLoopBackOff"
		})
		cs := pod.Status.ContainerStatuses[0]
		if cs.RestartCount != 1 || cs.LastTerminationState.Terminated.ExitCode != 3 || cs.LastTerminationState.Terminated.Message != "last words" {
			t.Errorf("container status is %+v", cs)
		}
		r.remove("restarts")
		r.wait("restarts", "gone", gone)
	})
	t.Run("init containers come first, and a pod that is done succeeds", func(t *testing.T) {
		r := r.with(t)
		mount := []v1.VolumeMount{{Name: "v", MountPath: "/v"}}
		first := v1.Container{Name: "first", Args: []string{"append", "/v/log", "first"}, VolumeMounts: mount}
		second := v1.Container{Name: "second", Args: []string{"append", "/v/log", "second"}, VolumeMounts: mount}
		last := run("cat", "/v/log")
		last.VolumeMounts, last.TerminationMessagePolicy = mount, v1.TerminationMessageFallbackToLogsOnError
		r.create("init", v1.PodSpec{
			RestartPolicy: v1.RestartPolicyNever, InitContainers: []v1.Container{first, second}, Containers: []v1.Container{last},
			Volumes: []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}}},
		})
		pod := r.wait("init", "succeeded", func(p *v1.Pod) bool { return p != nil && p.Status.Phase == v1.PodSucceeded })
		for _, cs := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
			if cs.State.Terminated == nil || cs.State.Terminated.Reason != "Completed" || cs.RestartCount != 0 {
				t.Errorf("container status is %+v", cs)
			}
		}
		r.remove("init")
		r.wait("init", "gone", gone)
	})
	t.Run("an image is mounted as a volume", func(t *testing.T) {
		r := r.with(t)
		c := run("exists", "/image"+containerdtest.Program)
		c.VolumeMounts = []v1.VolumeMount{{Name: "v", MountPath: "/image"}}
		r.create("image", v1.PodSpec{RestartPolicy: v1.RestartPolicyNever, Containers: []v1.Container{c}, Volumes: []v1.Volume{{
			Name: "v", VolumeSource: v1.VolumeSource{Image: &v1.ImageVolumeSource{Reference: containerdtest.Image, PullPolicy: v1.PullNever}},
		}}})
		r.wait("image", "succeeded", func(p *v1.Pod) bool { return p != nil && p.Status.Phase == v1.PodSucceeded })
		r.remove("image")
		r.wait("image", "gone", gone)
	})
	t.Run("a node that runs short evicts", func(t *testing.T) {
		r := r.with(t)
		r.create("victim", v1.PodSpec{Containers: []v1.Container{run("pause")}})
		r.wait("victim", "ready", ready)
		// No machine has as much memory as it needs to keep free.
		r.evictionHard = map[string]string{"memory.available": "1000Ti"}
		r.restart()
		pod := r.wait("victim", "evicted", func(p *v1.Pod) bool { return p != nil && p.Status.Phase == v1.PodFailed })
		if pod.Status.Reason != "Evicted" || !strings.Contains(pod.Status.Message, "low on resource: memory") {
			t.Errorf("status is %+v", pod.Status)
		}
		r.create("late", v1.PodSpec{Containers: []v1.Container{run("pause")}})
		late := r.wait("late", "refused", func(p *v1.Pod) bool { return p != nil && p.Status.Phase == v1.PodFailed })
		if late.Status.Reason != "Evicted" || !strings.Contains(late.Status.Message, "MemoryPressure") {
			t.Errorf("status of a pod that came later is %+v", late.Status)
		}
		r.waitNode("under memory pressure", func(c v1.NodeCondition) bool {
			return c.Type == v1.NodeMemoryPressure && c.Status == v1.ConditionTrue
		})
		r.evictionHard = nil
		r.restart()
		for _, name := range []string{"victim", "late"} {
			r.remove(name)
			r.wait(name, "gone", gone)
		}
	})
	t.Run("a restart of the kubelet leaves containers alone", func(t *testing.T) {
		r := r.with(t)
		r.create("stays", v1.PodSpec{Containers: []v1.Container{run("pause")}})
		before := r.wait("stays", "ready", ready)
		r.restart()
		r.create("later", v1.PodSpec{Containers: []v1.Container{run("pause")}})
		r.wait("later", "ready", ready)
		after := r.wait("stays", "ready", ready)
		a, b := before.Status.ContainerStatuses[0], after.Status.ContainerStatuses[0]
		if a.ContainerID != b.ContainerID || b.RestartCount != 0 {
			t.Errorf("container was %s with %d restarts, is %s with %d", a.ContainerID, a.RestartCount, b.ContainerID, b.RestartCount)
		}
		for _, name := range []string{"stays", "later"} {
			r.remove(name)
			r.wait(name, "gone", gone)
		}
	})
}
