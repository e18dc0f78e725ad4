package nodelifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// newNode makes a node with conditions "type=status" and taints "key:effect".
func newNode(name string, words ...string) *v1.Node {
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(start)}}
	for _, word := range words {
		if kind, status, ok := strings.Cut(word, "="); ok {
			node.Status.Conditions = append(node.Status.Conditions, v1.NodeCondition{Type: v1.NodeConditionType(kind), Status: v1.ConditionStatus(status)})
			continue
		}
		key, effect, _ := strings.Cut(word, ":")
		node.Spec.Taints = append(node.Spec.Taints, v1.Taint{Key: key, Effect: v1.TaintEffect(effect)})
	}
	return node
}

func taintsOf(taints []v1.Taint) string {
	var words []string
	for _, taint := range taints {
		words = append(words, strings.TrimPrefix(taint.Key, "node.kubernetes.io/")+":"+string(taint.Effect))
	}
	return strings.Join(words, " ")
}

func TestTaints(t *testing.T) {
	const notReady, unreachable = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
	cordoned := newNode("n", "Ready=True")
	cordoned.Spec.Unschedulable = true
	tests := []struct {
		name      string
		node      *v1.Node
		mayDrive  bool
		suspended bool
		want      string
		changed   bool
		waits     bool
	}{
		{name: "ready", node: newNode("n", "Ready=True")},
		{name: "becomes ready: all at once", node: newNode("n", "Ready=True", notReady+":NoSchedule", notReady+":NoExecute", "mine:NoExecute"), want: "mine:NoExecute", changed: true},
		{name: "not ready", node: newNode("n", "Ready=False"), mayDrive: true, want: "not-ready:NoSchedule not-ready:NoExecute", changed: true},
		{name: "not ready, but others first", node: newNode("n", "Ready=False"), want: "not-ready:NoSchedule", changed: true, waits: true},
		{name: "silent", node: newNode("n", "Ready=Unknown"), mayDrive: true, want: "unreachable:NoSchedule unreachable:NoExecute", changed: true},
		{name: "exchange needs no permission", node: newNode("n", "Ready=Unknown", notReady+":NoSchedule", notReady+":NoExecute"), want: "unreachable:NoSchedule unreachable:NoExecute", changed: true},
		{name: "kept without permission", node: newNode("n", "Ready=False", notReady+":NoSchedule", notReady+":NoExecute"), want: "not-ready:NoSchedule not-ready:NoExecute"},
		{name: "all nodes lost: nobody is driven away", node: newNode("n", "Ready=Unknown", unreachable+":NoSchedule", unreachable+":NoExecute"), suspended: true, want: "unreachable:NoSchedule", changed: true},
		{name: "pressure", node: newNode("n", "Ready=True", "MemoryPressure=True", "DiskPressure=Unknown", "NetworkUnavailable=True"), want: "memory-pressure:NoSchedule network-unavailable:NoSchedule", changed: true},
		{name: "cordoned", node: cordoned, want: "unschedulable:NoSchedule", changed: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := plan(observed{node: test.node, heard: start, grace: time.Minute, mayDriveAway: test.mayDrive, suspended: test.suspended, now: start})
			if diff := cmp.Diff(test.want, taintsOf(v.taints)); diff != "" {
				t.Errorf("taints (-want +got):\n%s", diff)
			}
			if v.changeTaints != test.changed || v.driveAway != test.waits {
				t.Errorf("changed %v, waits %v, want %v %v", v.changeTaints, v.driveAway, test.changed, test.waits)
			}
		})
	}
}

func TestSilence(t *testing.T) {
	node := newNode("n", "Ready=True", "MemoryPressure=False", "NetworkUnavailable=False")
	if v := plan(observed{node: node, heard: start, grace: 50 * time.Second, now: start.Add(30 * time.Second)}); v.conditions != nil || v.silentIn != 20*time.Second {
		t.Errorf("after 30 s: conditions %v, silent in %v", v.conditions, v.silentIn)
	}
	v := plan(observed{node: node, heard: start, grace: 50 * time.Second, now: start.Add(time.Minute)})
	got := map[string]string{}
	for _, c := range v.conditions {
		got[string(c.Type)] = string(c.Status) + " " + c.Reason
	}
	want := map[string]string{
		"Ready": "Unknown NodeStatusUnknown", "MemoryPressure": "Unknown NodeStatusUnknown", "NetworkUnavailable": "False ",
		"DiskPressure": "Unknown NodeStatusNeverUpdated", "PIDPressure": "Unknown NodeStatusNeverUpdated",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if got := taintsOf(v.taints); got != "unreachable:NoSchedule" {
		t.Errorf("taints %q of a node that has just fallen silent", got)
	}
	node.Status.Conditions = v.conditions
	if v := plan(observed{node: node, heard: start, grace: 50 * time.Second, now: start.Add(time.Hour)}); v.conditions != nil {
		t.Errorf("marked again: %v", v.conditions)
	}
}
