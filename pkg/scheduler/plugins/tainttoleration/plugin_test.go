package tainttoleration

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
)

const (
	noTaint  = ""
	dedicate = "spec: {taints: [{key: dedicated, value: db, effect: NoSchedule}]}"
	notReady = "spec: {taints: [{key: node.kubernetes.io/not-ready, effect: NoExecute}]}"
	rather   = "spec: {taints: [{key: slow, effect: PreferNoSchedule}]}"
	rather2  = "spec: {taints: [{key: slow, effect: PreferNoSchedule}, {key: old, effect: PreferNoSchedule}]}"
)

func tolerating(t *testing.T, tolerations string) *v1.Pod {
	return plugintest.Pod(t, "pod", "spec: {tolerations: ["+tolerations+"]}")
}

func TestFilter(t *testing.T) {
	const rejected = "UnschedulableAndUnresolvable: node(s) had untolerated taint(s)"
	tests := []struct {
		name, tolerations, node, want string
	}{
		{name: "no taint", node: noTaint},
		{name: "taint", node: dedicate, want: rejected},
		{name: "no-execute taint", node: notReady, want: rejected},
		{name: "tolerated by value", tolerations: "{key: dedicated, value: db}", node: dedicate},
		{name: "other value", tolerations: "{key: dedicated, value: web}", node: dedicate, want: rejected},
		{name: "other effect", tolerations: "{key: dedicated, operator: Exists, effect: NoExecute}", node: dedicate, want: rejected},
		{name: "tolerates all", tolerations: "{operator: Exists}", node: notReady},
		{name: "prefer", node: rather},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := plugintest.New(t, Name, New, nil).Nodes(plugintest.Node(t, "n", tt.node))
			if diff := cmp.Diff(map[string]string{"n": tt.want}, e.Filter(tolerating(t, tt.tolerations))); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScore(t *testing.T) {
	e := plugintest.New(t, Name, New, nil).Nodes(
		plugintest.Node(t, "none", noTaint), plugintest.Node(t, "one", rather), plugintest.Node(t, "two", rather2))
	tests := []struct {
		name, tolerations string
		want              map[string]int64
	}{
		{name: "tolerates none", want: map[string]int64{"none": 100, "one": 50, "two": 0}},
		{name: "tolerates one", tolerations: "{key: slow, operator: Exists}", want: map[string]int64{"none": 100, "one": 100, "two": 0}},
		{name: "tolerates it only as a rule", tolerations: "{key: slow, operator: Exists, effect: NoSchedule}", want: map[string]int64{"none": 100, "one": 50, "two": 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, e.Scores(tolerating(t, tt.tolerations))); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("skipped without such taints", func(t *testing.T) {
		e := plugintest.New(t, Name, New, nil).Nodes(plugintest.Node(t, "a", noTaint), plugintest.Node(t, "b", dedicate))
		if diff := cmp.Diff(map[string]int64(nil), e.Scores(tolerating(t, ""))); diff != "" {
			t.Errorf("scores (-want +got):\n%s", diff)
		}
	})
}

func TestHints(t *testing.T) {
	e := plugintest.New(t, Name, New, nil)
	pod := tolerating(t, "{key: dedicated, operator: Exists}")
	free, tainted, bad := plugintest.Node(t, "n", noTaint), plugintest.Node(t, "n", dedicate), plugintest.Node(t, "n", notReady)
	tests := []struct {
		name     string
		resource framework.EventResource
		action   framework.ActionType
		old, new any
		want     string
	}{
		{name: "tolerated node added", resource: framework.Node, action: framework.Add, new: tainted, want: "Queue"},
		{name: "repelling node added", resource: framework.Node, action: framework.Add, new: bad, want: "QueueSkip"},
		{name: "taint taken away", resource: framework.Node, action: framework.UpdateNodeTaint, old: bad, new: free, want: "Queue"},
		{name: "tolerated taint taken away", resource: framework.Node, action: framework.UpdateNodeTaint, old: tainted, new: free, want: "QueueSkip"},
		{name: "taint put on", resource: framework.Node, action: framework.UpdateNodeTaint, old: free, new: bad, want: "QueueSkip"},
		{name: "own toleration", resource: framework.Pod, action: framework.UpdatePodToleration, old: pod, new: pod, want: "Queue"},
		{
			name: "other's toleration", resource: framework.Pod, action: framework.UpdatePodToleration,
			old: pod, new: plugintest.Pod(t, "other", ""), want: "QueueSkip",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, e.Hint(pod, tt.resource, tt.action, tt.old, tt.new)); diff != "" {
				t.Errorf("hint (-want +got):\n%s", diff)
			}
		})
	}
}
