package cache

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

func node(name, zone string, images ...string) *v1.Node {
	n := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelTopologyZone: zone}},
		Status: v1.NodeStatus{Allocatable: v1.ResourceList{
			v1.ResourceCPU: resource.MustParse("8"), v1.ResourcePods: resource.MustParse("110"),
		}},
	}
	for _, image := range images {
		n.Status.Images = append(n.Status.Images, v1.ContainerImage{Names: []string{image}, SizeBytes: 1})
	}
	return n
}

func pod(name, nodeName string, milliCPU int64, change ...func(*v1.Pod)) *v1.Pod {
	p := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name), Generation: 1},
		Spec: v1.PodSpec{NodeName: nodeName, Containers: []v1.Container{{Resources: v1.ResourceRequirements{
			Requests: v1.ResourceList{v1.ResourceCPU: *resource.NewMilliQuantity(milliCPU, resource.DecimalSI)},
		}}}},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func withAntiAffinity(p *v1.Pod) {
	p.Spec.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{TopologyKey: "k"}},
	}}
}

func info(t testing.TB, p *v1.Pod) *PodInfo {
	t.Helper()
	i, err := NewPodInfo(p)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// view is a snapshot as text: each node with its pods and the CPU that they take.
func view(t testing.TB, c *Cache, s *Snapshot) []string {
	t.Helper()
	c.Update(s)
	lines := []string{}
	for _, n := range s.infos {
		var pods []string
		for _, p := range n.GetPods() {
			pods = append(pods, p.GetPod().Name)
		}
		slices.Sort(pods)
		lines = append(lines, fmt.Sprintf("%s %v %dm", n.Node().Name, pods, n.GetRequested().GetMilliCPU()))
	}
	return lines
}

func TestCacheScenario(t *testing.T) {
	c, s := New(), NewSnapshot()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, want ...string) {
		t.Helper()
		if want == nil {
			want = []string{}
		}
		if diff := cmp.Diff(want, view(t, c, s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	must(c.SetPod(pod("early", "a", 100)))
	check("a pod whose node is not known yet")
	c.SetNode(node("a", "z1"))
	c.SetNode(node("b", "z1"))
	c.SetNode(node("c", "z2"))
	check("nodes in turn by zone", "a [early] 100m", "c [] 0m", "b [] 0m")

	must(c.AssumePod(info(t, pod("p", "", 200)), "b"))
	check("assumed", "a [early] 100m", "c [] 0m", "b [p] 200m")
	if !c.IsAssumed("p") {
		t.Error("p is not assumed")
	}
	if err := c.AssumePod(info(t, pod("p", "", 200)), "b"); err == nil {
		t.Error("a pod was assumed twice")
	}
	must(c.SetPod(pod("p", "b", 200)))
	check("confirmed", "a [early] 100m", "c [] 0m", "b [p] 200m")
	if c.IsAssumed("p") {
		t.Error("p is assumed after it was confirmed")
	}
	if err := c.ForgetPod(pod("p", "b", 200)); !errors.Is(err, ErrNotAssumed) {
		t.Errorf("forgetting a confirmed pod: %v", err)
	}

	must(c.AssumePod(info(t, pod("q", "", 300)), "c"))
	must(c.ForgetPod(pod("q", "", 300)))
	check("forgotten", "a [early] 100m", "c [] 0m", "b [p] 200m")
	must(c.AssumePod(info(t, pod("q", "", 300)), "c"))
	must(c.SetPod(pod("q", "a", 300)))
	check("confirmed on another node", "a [early q] 400m", "c [] 0m", "b [p] 200m")

	must(c.SetPod(pod("q", "a", 50, func(p *v1.Pod) { p.Generation = 2 })))
	check("resized", "a [early q] 150m", "c [] 0m", "b [p] 200m")
	c.RemoveNode(node("a", "z1"))
	check("node gone", "b [p] 200m", "c [] 0m")
	c.SetNode(node("a", "z1"))
	check("node back with its pods", "b [p] 200m", "c [] 0m", "a [early q] 150m")
	c.RemoveNode(node("a", "z1"))
	must(c.RemovePod(pod("early", "a", 100)))
	must(c.RemovePod(pod("q", "a", 50)))
	must(c.RemovePod(pod("q", "a", 50)))
	if _, ok := c.nodes["a"]; ok {
		t.Error("a node without object and pods is kept")
	}
	nodes, pods, assumed := c.Counts()
	if diff := cmp.Diff([]int{2, 1, 0}, []int{nodes, pods, assumed}); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestSnapshot(t *testing.T) {
	c, s := New(), NewSnapshot()
	for i := range 4 {
		c.SetNode(node(fmt.Sprint("n", i), ""))
	}
	c.Update(s)
	before := slices.Clone(s.infos)
	version := s.Version()
	if err := c.AssumePod(info(t, pod("p", "", 100)), "n2"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(int64(0), s.infos[2].GetRequested().GetMilliCPU()); diff != "" {
		t.Errorf("a snapshot changes by itself (-want +got):\n%s", diff)
	}
	c.Update(s)
	for i := range before {
		if same := before[i] == s.infos[i]; same != (i != 2) {
			t.Errorf("node %d was replaced: %t", i, !same)
		}
	}
	if diff := cmp.Diff(int64(0), before[2].GetRequested().GetMilliCPU()); diff != "" {
		t.Errorf("an old NodeInfo was written (-want +got):\n%s", diff)
	}
	changes, ok := s.Changes(version)
	if !ok || len(changes) != 1 || changes[0].Position != 2 || changes[0].Old != before[2] || changes[0].New != s.infos[2] {
		t.Errorf("changes are %v, %t", changes, ok)
	}
	if changes, ok := s.Changes(s.Version()); !ok || len(changes) != 0 {
		t.Errorf("changes since now are %v, %t", changes, ok)
	}
	// The log is bounded: after many changes it does not reach back.
	for i := range 2 * minChangeLog {
		p := info(t, pod(fmt.Sprint("p", i), "", 1))
		if err := c.AssumePod(p, "n1"); err != nil {
			t.Fatal(err)
		}
		c.Update(s)
	}
	if _, ok := s.Changes(version); ok || len(s.log) > 2*minChangeLog {
		t.Errorf("log of %d changes reaches back: %t", len(s.log), ok)
	}
	version = s.Version()
	c.SetNode(node("n9", ""))
	c.Update(s)
	if _, ok := s.Changes(version); ok {
		t.Error("changes reach back over a new node")
	}
}

func TestSnapshotLists(t *testing.T) {
	c, s := New(), NewSnapshot()
	for _, name := range []string{"a", "b", "c"} {
		c.SetNode(node(name, "", "image"))
		if err := c.SetPod(pod("on-"+name, name, 1, withAntiAffinity, func(p *v1.Pod) {
			p.Spec.Volumes = []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: name}}}}
		})); err != nil {
			t.Fatal(err)
		}
	}
	guarded := func() []string {
		c.Update(s)
		list, err := s.HavePodsWithRequiredAntiAffinityList()
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, n := range list {
			names = append(names, n.Node().Name)
		}
		slices.Sort(names)
		return names
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, guarded()); diff != "" {
		t.Errorf("nodes with anti-affinity (-want +got):\n%s", diff)
	}
	if !s.IsPVCUsedByPods("ns/a") {
		t.Error("claim a is not in use")
	}
	if err := c.RemovePod(pod("on-a", "a", 1)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b", "c"}, guarded()); diff != "" {
		t.Errorf("nodes with anti-affinity after one left (-want +got):\n%s", diff)
	}
	if s.IsPVCUsedByPods("ns/a") {
		t.Error("claim a is still in use")
	}
	image := func() int { return s.infos[0].GetImageStates()["image"].NumNodes }
	if diff := cmp.Diff(3, image()); diff != "" {
		t.Errorf("nodes with the image (-want +got):\n%s", diff)
	}
	c.SetNode(node("c", ""))
	c.Update(s)
	if diff := cmp.Diff(2, image()); diff != "" {
		t.Errorf("nodes with the image after one dropped it (-want +got):\n%s", diff)
	}
}

func TestForkIsIndependent(t *testing.T) {
	n, err := NewNodeInfo(pod("a", "n", 1), pod("b", "n", 2, withAntiAffinity))
	if err != nil {
		t.Fatal(err)
	}
	fork := n.Snapshot().(*NodeInfo)
	fork.AddPodInfo(info(t, pod("c", "n", 4)))
	n.AddPodInfo(info(t, pod("d", "n", 8, func(p *v1.Pod) {
		p.Spec.Containers[0].Ports = []v1.ContainerPort{{HostPort: 80}}
	})))
	if err := fork.RemovePod(klog.Background(), pod("b", "n", 2)); err != nil {
		t.Fatal(err)
	}
	if err := fork.RemovePod(klog.Background(), pod("x", "n", 2)); !errors.Is(err, ErrPodNotOnNode) {
		t.Errorf("removing an unknown pod: %v", err)
	}
	describe := func(n *NodeInfo) string {
		var names []string
		for _, p := range n.pods {
			names = append(names, p.GetPod().Name)
		}
		return fmt.Sprint(names, n.requested.MilliCPU, len(n.antiAffinity), n.usedPorts.CheckConflict("", "", 80))
	}
	if diff := cmp.Diff([]string{"[a b d] 11 1 true", "[a c] 5 0 false"}, []string{describe(n), describe(fork)}); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

func TestRequestsOf(t *testing.T) {
	resized := pod("p", "n", 500, func(p *v1.Pod) {
		p.Spec.Containers[0].Name = "c"
		p.Status.ContainerStatuses = []v1.ContainerStatus{{Name: "c",
			Resources:          &v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse("1")}},
			AllocatedResources: v1.ResourceList{v1.ResourceCPU: resource.MustParse("1")},
		}}
	})
	podLevel := pod("p", "n", 0, func(p *v1.Pod) {
		p.Spec.Resources = &v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse("3")}}
		p.Spec.Containers[0].Resources.Requests = nil
	})
	empty := pod("p", "n", 0, func(p *v1.Pod) {
		p.Spec.Containers[0].Resources.Requests = nil
		p.Spec.Containers = append(p.Spec.Containers, v1.Container{})
	})
	for name, tt := range map[string]struct {
		pod  *v1.Pod
		want []int64
	}{
		"one container":         {pod: pod("p", "n", 250), want: []int64{250, 0, 250, DefaultMemoryRequest}},
		"requests nothing":      {pod: empty, want: []int64{0, 0, 2 * DefaultMilliCPURequest, 2 * DefaultMemoryRequest}},
		"resize down under way": {pod: resized, want: []int64{1000, 0, 1000, DefaultMemoryRequest}},
		"pod-level":             {pod: podLevel, want: []int64{3000, 0, 3000, DefaultMemoryRequest}},
	} {
		r := RequestsOf(tt.pod)
		got := []int64{r.Resource.GetMilliCPU(), r.Resource.GetMemory(), r.Non0CPU, r.Non0Mem}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// BenchmarkNodeInfo is what a node with 110 pods costs: to count one more pod on it and hand it to a snapshot, as each
// scheduled pod does; to take one away again; and to fork it for a dry run.
func BenchmarkNodeInfo(b *testing.B) {
	c, s := New(), NewSnapshot()
	c.SetNode(node("n", ""))
	for i := range 109 {
		if err := c.SetPod(pod(fmt.Sprint("p", i), "n", 1)); err != nil {
			b.Fatal(err)
		}
	}
	c.Update(s)
	extra := pod("extra", "n", 1)
	extraInfo := info(b, extra)
	b.Run("assume and forget", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := c.AssumePod(extraInfo, "n"); err != nil {
				b.Fatal(err)
			}
			c.Update(s)
			if err := c.ForgetPod(extra); err != nil {
				b.Fatal(err)
			}
			c.Update(s)
		}
	})
	b.Run("status update", func(b *testing.B) {
		one := pod("p7", "n", 1)
		b.ReportAllocs()
		for b.Loop() {
			if err := c.SetPod(one); err != nil {
				b.Fatal(err)
			}
			c.Update(s)
		}
	})
	b.Run("fork", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fork := s.infos[0].Snapshot()
			fork.AddPodInfo(extraInfo)
		}
	})
	b.Run("make", func(b *testing.B) {
		pods := make([]framework.PodInfo, 0, 110)
		for _, p := range s.infos[0].GetPods() {
			pods = append(pods, p)
		}
		b.ReportAllocs()
		for b.Loop() {
			n := &NodeInfo{allocatable: &Resource{}}
			for _, p := range pods {
				n.AddPodInfo(p)
			}
		}
	})
}
