package nodeunschedulable

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
)

const (
	cordoned   = "spec: {unschedulable: true}"
	toleration = "spec: {tolerations: [{key: node.kubernetes.io/unschedulable, operator: Exists}]}"
)

func TestFilter(t *testing.T) {
	e := plugintest.New(t, Name, New, nil).Nodes(plugintest.Node(t, "open", ""), plugintest.Node(t, "cordoned", cordoned))
	for spec, want := range map[string]map[string]string{
		"":         {"open": "", "cordoned": "UnschedulableAndUnresolvable: node(s) were unschedulable"},
		toleration: {"open": "", "cordoned": ""},
	} {
		if diff := cmp.Diff(want, e.Filter(plugintest.Pod(t, "pod", spec))); diff != "" {
			t.Errorf("%q: status (-want +got):\n%s", spec, diff)
		}
	}
}

func TestHints(t *testing.T) {
	e := plugintest.New(t, Name, New, nil)
	pod, tolerating := plugintest.Pod(t, "pod", ""), plugintest.Pod(t, "pod", toleration)
	open, closed := plugintest.Node(t, "n", ""), plugintest.Node(t, "n", cordoned)
	tests := []struct {
		name     string
		resource framework.EventResource
		action   framework.ActionType
		old, new any
		want     string
	}{
		{name: "open node added", resource: framework.Node, action: framework.Add, new: open, want: "Queue"},
		{name: "cordoned node added", resource: framework.Node, action: framework.Add, new: closed, want: "QueueSkip"},
		{name: "uncordoned", resource: framework.Node, action: framework.UpdateNodeTaint, old: closed, new: open, want: "Queue"},
		{name: "was open", resource: framework.Node, action: framework.UpdateNodeTaint, old: open, new: open, want: "QueueSkip"},
		{name: "cordoned", resource: framework.Node, action: framework.UpdateNodeTaint, old: open, new: closed, want: "QueueSkip"},
		{name: "comes to tolerate it", resource: framework.Pod, action: framework.UpdatePodToleration, old: pod, new: tolerating, want: "Queue"},
		{name: "tolerates something else", resource: framework.Pod, action: framework.UpdatePodToleration, old: pod, new: pod, want: "QueueSkip"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, e.Hint(pod, tt.resource, tt.action, tt.old, tt.new)); diff != "" {
				t.Errorf("hint (-want +got):\n%s", diff)
			}
		})
	}
}
