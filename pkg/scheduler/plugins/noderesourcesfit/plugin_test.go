package noderesourcesfit

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
	"github.com/proa-sh/proa/pkg/scheduler/profile"
)

func requesting(t testing.TB, name, requests string) *v1.Pod {
	return plugintest.Pod(t, name, "spec: {containers: [{name: c, resources: {requests: {"+requests+"}}}]}")
}

func on(node string, pod *v1.Pod) *v1.Pod {
	pod.Spec.NodeName = node
	return pod
}

func TestFilter(t *testing.T) {
	const (
		gpus    = "status: {allocatable: {cpu: '4', memory: 8Gi, pods: '10', ephemeral-storage: 10Gi, example.com/gpu: '2'}}"
		onePod  = "status: {allocatable: {cpu: '4', memory: 8Gi, pods: '1'}}"
		ignored = "example.com/gpu"
	)
	tests := []struct {
		name     string
		node     string
		existing []string
		pod      string
		args     *configv1.NodeResourcesFitArgs
		want     string
	}{
		{name: "fits exactly", existing: []string{"cpu: 3"}, pod: "cpu: 1, memory: 8Gi"},
		{name: "cpu taken", existing: []string{"cpu: 3"}, pod: "cpu: 1100m", want: "Unschedulable: Insufficient cpu"},
		{name: "never enough cpu", pod: "cpu: 5", want: "UnschedulableAndUnresolvable: Insufficient cpu"},
		{
			name: "all lacking", existing: []string{"cpu: 4, memory: 8Gi"}, node: onePod, pod: "cpu: 1, memory: 1Gi, ephemeral-storage: 1Gi",
			want: "UnschedulableAndUnresolvable: Insufficient cpu; Insufficient ephemeral-storage; Insufficient memory; Too many pods",
		},
		{name: "too many pods", node: onePod, existing: []string{""}, want: "Unschedulable: Too many pods"},
		{name: "requests nothing on an overcommitted node", existing: []string{"cpu: 9"}},
		{name: "extended resource fits", node: gpus, existing: []string{"example.com/gpu: 1"}, pod: "example.com/gpu: 1"},
		{
			name: "extended resource taken", node: gpus, existing: []string{"example.com/gpu: 2"}, pod: "cpu: 5, example.com/gpu: 1",
			want: "UnschedulableAndUnresolvable: Insufficient cpu; Insufficient example.com/gpu",
		},
		{name: "extended resource absent", pod: "example.com/gpu: 1", want: "UnschedulableAndUnresolvable: Insufficient example.com/gpu"},
		{name: "extended resource ignored", pod: "example.com/gpu: 1", args: &configv1.NodeResourcesFitArgs{IgnoredResources: []string{ignored}}},
		{name: "group ignored", pod: "example.com/gpu: 1", args: &configv1.NodeResourcesFitArgs{IgnoredResourceGroups: []string{"example.com"}}},
		{name: "huge pages absent", pod: "hugepages-2Mi: 2Mi", want: "UnschedulableAndUnresolvable: Insufficient hugepages-2Mi"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.args == nil {
				tt.args = &configv1.NodeResourcesFitArgs{}
			}
			e := plugintest.New(t, Name, New, tt.args).Nodes(plugintest.Node(t, "n", tt.node))
			for i, requests := range tt.existing {
				e.Pods(on("n", requesting(t, string(rune('a'+i)), requests)))
			}
			if diff := cmp.Diff(map[string]string{"n": tt.want}, e.Filter(requesting(t, "pod", tt.pod))); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilterCountsAllParts(t *testing.T) {
	const spec = `
spec:
  overhead: {cpu: 250m}
  initContainers:
  - {name: init, resources: {requests: {cpu: '2'}}}
  - {name: sidecar, restartPolicy: Always, resources: {requests: {cpu: 500m}}}
  containers:
  - {name: a, resources: {requests: {cpu: '1'}}}
  - {name: b, resources: {requests: {cpu: 250m}}}
`
	// Larger of init (2) and containers with sidecar (1.75), plus overhead.
	for free, want := range map[string]string{"2250m": "", "2249m": "UnschedulableAndUnresolvable: Insufficient cpu"} {
		e := plugintest.New(t, Name, New, nil).Nodes(plugintest.Node(t, "n", "status: {allocatable: {cpu: "+free+", pods: '10'}}"))
		if diff := cmp.Diff(map[string]string{"n": want}, e.Filter(plugintest.Pod(t, "pod", spec))); diff != "" {
			t.Errorf("%s free (-want +got):\n%s", free, diff)
		}
	}
}

func TestScore(t *testing.T) {
	ratio := &configv1.RequestedToCapacityRatioParam{Shape: []configv1.UtilizationShapePoint{{Utilization: 0, Score: 0}, {Utilization: 50, Score: 10}, {Utilization: 100, Score: 4}}}
	gpu := []configv1.ResourceSpec{{Name: "example.com/gpu", Weight: 3}, {Name: "cpu", Weight: 1}}
	tests := []struct {
		name     string
		strategy *configv1.ScoringStrategy
		pod      string
		want     map[string]int64
	}{
		// busy: 2 of 4 cores taken, 4 of 8 GiB; the pod takes 1 core and 2 GiB more.
		{name: "least allocated", pod: "cpu: 1, memory: 2Gi", want: map[string]int64{"busy": 25, "empty": 75}},
		{name: "most allocated", strategy: &configv1.ScoringStrategy{Type: configv1.MostAllocated}, pod: "cpu: 1, memory: 2Gi", want: map[string]int64{"busy": 75, "empty": 25}},
		{name: "more than there is", pod: "cpu: 3, memory: 2Gi", want: map[string]int64{"busy": 12, "empty": 50}},
		{name: "requests nothing", want: map[string]int64{"busy": 47, "empty": 97}},
		{
			name: "ratio", strategy: &configv1.ScoringStrategy{Type: configv1.RequestedToCapacityRatio, RequestedToCapacityRatio: ratio},
			pod: "cpu: 1, memory: 2Gi", want: map[string]int64{"busy": 70, "empty": 50},
		},
		{
			name: "extended resource by weight", strategy: &configv1.ScoringStrategy{Type: configv1.MostAllocated, Resources: gpu},
			pod: "cpu: 1, example.com/gpu: 1", want: map[string]int64{"busy": 56, "empty": 25},
		},
		{
			name: "extended resource not requested", strategy: &configv1.ScoringStrategy{Type: configv1.MostAllocated, Resources: gpu},
			pod: "cpu: 1", want: map[string]int64{"busy": 75, "empty": 25},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := plugintest.New(t, Name, New, &configv1.NodeResourcesFitArgs{ScoringStrategy: tt.strategy}).Nodes(
				plugintest.Node(t, "empty", ""),
				plugintest.Node(t, "busy", "status: {allocatable: {cpu: '4', memory: 8Gi, pods: '10', example.com/gpu: '2'}}"),
			).Pods(on("busy", requesting(t, "existing", "cpu: 2, memory: 4Gi")))
			if diff := cmp.Diff(tt.want, e.Scores(requesting(t, "pod", tt.pod))); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHints(t *testing.T) {
	pod := requesting(t, "pod", "cpu: 2")
	self := requesting(t, "pod", "cpu: 1")
	small, big := plugintest.Node(t, "n", "status: {allocatable: {cpu: '1', pods: '10'}}"), plugintest.Node(t, "n", "")
	otherMemory := plugintest.Node(t, "n", "status: {allocatable: {cpu: '4', memory: 9Gi, pods: '10'}}")
	tests := []struct {
		name     string
		resource framework.EventResource
		action   framework.ActionType
		old, new any
		want     string
	}{
		{name: "pod on a node deleted", resource: framework.Pod, action: framework.Delete, old: on("n", requesting(t, "o", "")), want: "Queue"},
		{name: "pending pod deleted", resource: framework.Pod, action: framework.Delete, old: requesting(t, "o", ""), want: "QueueSkip"},
		{name: "pod itself shrinks", resource: framework.Pod, action: framework.UpdatePodScaleDown, old: pod, new: self, want: "Queue"},
		{
			name: "other pod frees cpu", resource: framework.Pod, action: framework.UpdatePodScaleDown,
			old: on("n", requesting(t, "o", "cpu: 3")), new: on("n", requesting(t, "o", "cpu: 1")), want: "Queue",
		},
		{
			name: "other pod frees memory", resource: framework.Pod, action: framework.UpdatePodScaleDown,
			old: on("n", requesting(t, "o", "memory: 3")), new: on("n", requesting(t, "o", "memory: 1")), want: "QueueSkip",
		},
		{name: "big node added", resource: framework.Node, action: framework.Add, new: big, want: "Queue"},
		{name: "small node added", resource: framework.Node, action: framework.Add, new: small, want: "QueueSkip"},
		{name: "node grows", resource: framework.Node, action: framework.UpdateNodeAllocatable, old: small, new: big, want: "Queue"},
		{name: "node grows elsewhere", resource: framework.Node, action: framework.UpdateNodeAllocatable, old: big, new: otherMemory, want: "QueueSkip"},
		{name: "node shrinks", resource: framework.Node, action: framework.UpdateNodeAllocatable, old: big, new: small, want: "QueueSkip"},
		{name: "labels", resource: framework.Node, action: framework.UpdateNodeLabel, old: big, new: big, want: "not registered"},
	}
	e := plugintest.New(t, Name, New, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, e.Hint(pod, tt.resource, tt.action, tt.old, tt.new)); diff != "" {
				t.Errorf("hint (-want +got):\n%s", diff)
			}
		})
	}
}

func BenchmarkFilter(b *testing.B) {
	e := plugintest.New(b, Name, New, nil).Nodes(plugintest.Node(b, "n", ""))
	pod := requesting(b, "pod", "cpu: 5")
	ctx, state := context.Background(), profile.NewCycleState()
	if _, _, status := e.Profile.RunPreFilterPlugins(ctx, state, pod); !status.IsSuccess() {
		b.Fatal(status)
	}
	node, err := e.Snapshot.Get("n")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if status := e.Profile.RunFilterPlugins(ctx, state, pod, node); status.IsSuccess() {
			b.Fatal("want a rejection")
		}
	}
}
