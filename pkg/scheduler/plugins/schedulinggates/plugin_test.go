package schedulinggates

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
)

const gated = "spec: {schedulingGates: [{name: a.com/x}, {name: b.com/y}]}"

func TestPreEnqueue(t *testing.T) {
	for spec, want := range map[string]string{
		"":    "",
		gated: "UnschedulableAndUnresolvable: waiting for scheduling gates: [a.com/x b.com/y]",
	} {
		e := plugintest.New(t, Name, New, nil)
		got := e.Profile.RunPreEnqueuePlugins(context.Background(), plugintest.Pod(t, "pod", spec))
		if diff := cmp.Diff(want, plugintest.Text(got)); diff != "" {
			t.Errorf("%q: status (-want +got):\n%s", spec, diff)
		}
	}
}

func TestHints(t *testing.T) {
	e := plugintest.New(t, Name, New, nil)
	pod, open, other := plugintest.Pod(t, "pod", gated), plugintest.Pod(t, "pod", ""), plugintest.Pod(t, "other", "")
	if diff := cmp.Diff("Queue", e.Hint(pod, framework.Pod, framework.UpdatePodSchedulingGatesEliminated, pod, open)); diff != "" {
		t.Errorf("own gates (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("QueueSkip", e.Hint(pod, framework.Pod, framework.UpdatePodSchedulingGatesEliminated, other, other)); diff != "" {
		t.Errorf("other's gates (-want +got):\n%s", diff)
	}
}
