package nodeports

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
)

func with(t *testing.T, name, ports string) *v1.Pod {
	return plugintest.Pod(t, name, "spec: {containers: [{name: c, ports: ["+ports+"]}]}")
}

func on(node string, pod *v1.Pod) *v1.Pod {
	pod.Spec.NodeName = node
	return pod
}

func TestFilter(t *testing.T) {
	const taken = "Unschedulable: node(s) didn't have free ports for the requested pod ports"
	sidecar := plugintest.Pod(t, "pod", "spec: {initContainers: [{name: s, restartPolicy: Always, ports: [{hostPort: 80}]}]}")
	init := plugintest.Pod(t, "pod", "spec: {initContainers: [{name: s, ports: [{hostPort: 80}]}]}")
	tests := []struct {
		name     string
		existing string
		pod      *v1.Pod
		want     string
	}{
		{name: "none", existing: "{hostPort: 80}", pod: with(t, "pod", "{containerPort: 80}")},
		{name: "other port", existing: "{hostPort: 80}", pod: with(t, "pod", "{hostPort: 81}")},
		{name: "same port", existing: "{hostPort: 80}", pod: with(t, "pod", "{hostPort: 81}, {hostPort: 80}"), want: taken},
		{name: "other protocol", existing: "{hostPort: 80, protocol: UDP}", pod: with(t, "pod", "{hostPort: 80}")},
		{name: "other address", existing: "{hostPort: 80, hostIP: 127.0.0.1}", pod: with(t, "pod", "{hostPort: 80, hostIP: 127.0.0.2}")},
		{name: "all addresses wanted", existing: "{hostPort: 80, hostIP: 127.0.0.1}", pod: with(t, "pod", "{hostPort: 80, hostIP: 0.0.0.0}"), want: taken},
		{name: "all addresses taken", existing: "{hostPort: 80}", pod: with(t, "pod", "{hostPort: 80, hostIP: 127.0.0.1}"), want: taken},
		{name: "sidecar", existing: "{hostPort: 80}", pod: sidecar, want: taken},
		{name: "init container", existing: "{hostPort: 80}", pod: init},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := plugintest.New(t, Name, New, nil).Nodes(plugintest.Node(t, "n", "")).Pods(on("n", with(t, "existing", tt.existing)))
			if diff := cmp.Diff(map[string]string{"n": tt.want}, e.Filter(tt.pod)); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilterAfterPodLeft(t *testing.T) {
	existing := on("n", with(t, "existing", "{hostPort: 80}"))
	e := plugintest.New(t, Name, New, nil).Nodes(plugintest.Node(t, "n", "")).Pods(existing)
	if err := e.Cache.RemovePod(existing); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"n": ""}, e.Refresh().Filter(with(t, "pod", "{hostPort: 80}"))); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestHints(t *testing.T) {
	e := plugintest.New(t, Name, New, nil)
	pod := with(t, "pod", "{hostPort: 80}")
	tests := []struct {
		name string
		gone *v1.Pod
		want string
	}{
		{name: "had the port", gone: on("n", with(t, "o", "{hostPort: 80}")), want: "Queue"},
		{name: "had another port", gone: on("n", with(t, "o", "{hostPort: 81}")), want: "QueueSkip"},
		{name: "was on no node", gone: with(t, "o", "{hostPort: 80}"), want: "QueueSkip"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, e.Hint(pod, framework.Pod, framework.Delete, tt.gone, nil)); diff != "" {
				t.Errorf("hint (-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff("Queue", e.Hint(pod, framework.Node, framework.Add, nil, plugintest.Node(t, "n", ""))); diff != "" {
		t.Errorf("hint for node (-want +got):\n%s", diff)
	}
}
