package noderesourcesbalancedallocation

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	configv1 "k8s.io/kube-scheduler/config/v1"

	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
)

func TestScore(t *testing.T) {
	gpus := &configv1.NodeResourcesBalancedAllocationArgs{Resources: []configv1.ResourceSpec{{Name: "cpu"}, {Name: "memory"}, {Name: "example.com/gpu"}}}
	tests := []struct {
		name, requests string
		args           *configv1.NodeResourcesBalancedAllocationArgs
		want           map[string]int64
	}{
		// With the pod, cpu and memory are taken to 1/4 and 1/4 on empty, to 3/4 and 1/4 on busy.
		{name: "two resources", requests: "cpu: 1, memory: 2Gi", want: map[string]int64{"empty": 100, "busy": 75}},
		{name: "only memory", requests: "memory: 4Gi", want: map[string]int64{"empty": 75, "busy": 100}},
		{name: "more than all counts as all", requests: "cpu: 8, memory: 8Gi", want: map[string]int64{"empty": 100, "busy": 100}},
		{name: "nothing"},
		// busy has no gpu; on empty it is 1/4, 1/4 and 1.
		{name: "three resources", requests: "cpu: 1, memory: 2Gi, example.com/gpu: 2", args: gpus, want: map[string]int64{"empty": 64, "busy": 75}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.args == nil {
				tt.args = &configv1.NodeResourcesBalancedAllocationArgs{}
			}
			existing := plugintest.Pod(t, "existing", "spec: {nodeName: busy, containers: [{resources: {requests: {cpu: '2'}}}]}")
			e := plugintest.New(t, Name, New, tt.args).Nodes(
				plugintest.Node(t, "empty", "status: {allocatable: {example.com/gpu: '2'}}"), plugintest.Node(t, "busy", "")).Pods(existing)
			pod := plugintest.Pod(t, "pod", "spec: {containers: [{resources: {requests: {"+tt.requests+"}}}]}")
			if diff := cmp.Diff(tt.want, e.Scores(pod)); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
		})
	}
}
