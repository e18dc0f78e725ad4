package daemonset

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/proa-sh/proa/pkg/controllers/control/revisions"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newSet(changes ...func(*apps.DaemonSet)) *apps.DaemonSet {
	labels := map[string]string{"app": "agent"}
	set := &apps.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "agent", UID: "u", Generation: 1},
		Spec: apps.DaemonSetSpec{
			Selector:       &metav1.LabelSelector{MatchLabels: labels},
			Template:       v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: "v1"}}}},
			UpdateStrategy: apps.DaemonSetUpdateStrategy{Type: apps.RollingUpdateDaemonSetStrategyType},
		},
	}
	for _, change := range changes {
		change(set)
	}
	return set
}

func rolling(missing, surge int32) func(*apps.DaemonSet) {
	return func(set *apps.DaemonSet) {
		down, up := intstr.FromInt32(missing), intstr.FromInt32(surge)
		set.Spec.UpdateStrategy.RollingUpdate = &apps.RollingUpdateDaemonSet{MaxUnavailable: &down, MaxSurge: &up}
	}
}

func onDelete(set *apps.DaemonSet) { set.Spec.UpdateStrategy.Type = apps.OnDeleteDaemonSetStrategyType }

func newNode(name string, taints ...v1.Taint) *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"name": name}}, Spec: v1.NodeSpec{Taints: taints}}
}

func taint(key string, effect v1.TaintEffect) v1.Taint { return v1.Taint{Key: key, Effect: effect} }

// parsePod reads "name@node hash [ready|failed|succeeded|ending|unplaced] ...".
func parsePod(text string) *v1.Pod {
	words := strings.Fields(text)
	name, node, _ := strings.Cut(words[0], "@")
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{revisions.HashLabel: words[1]}},
		Spec:       v1.PodSpec{NodeName: node},
		Status:     v1.PodStatus{Phase: v1.PodRunning},
	}
	for _, word := range words[2:] {
		switch word {
		case "ready":
			pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue, LastTransitionTime: metav1.NewTime(start)}}
		case "failed":
			pod.Status.Phase = v1.PodFailed
		case "succeeded":
			pod.Status.Phase = v1.PodSucceeded
		case "ending":
			pod.DeletionTimestamp = &metav1.Time{Time: start}
		case "unplaced":
			pod.Spec.NodeName, pod.Spec.Affinity = "", bindTo(nil, node)
		}
	}
	return pod
}

func text(out outcome) string {
	var words []string
	for _, node := range out.create {
		words = append(words, "+"+node)
	}
	for _, pod := range out.remove {
		words = append(words, "-"+pod.Name)
	}
	return strings.Join(words, " ")
}

func TestPlan(t *testing.T) {
	three := []*v1.Node{newNode("n1"), newNode("n2"), newNode("n3")}
	tests := []struct {
		name  string
		set   *apps.DaemonSet
		nodes []*v1.Node
		pods  []string
		want  string
	}{
		{"one on each node", newSet(), three, []string{"a@n2 new"}, "+n1 +n3"},
		{"steady", newSet(), three[:1], []string{"a@n1 new ready"}, ""},
		{"one too many: the unready goes", newSet(), three[:1], []string{"a@n1 new", "b@n1 new ready"}, "-a"},
		{"ending pods hold the place", newSet(), three[:1], []string{"a@n1 new ending"}, ""},
		{"failed", newSet(), three[:1], []string{"a@n1 new failed"}, "-a"},
		{"succeeded", newSet(), three[:1], []string{"a@n1 new succeeded"}, "-a"},
		{"a pod for a node that has gone", newSet(), three[:1], []string{"a@n1 new ready", "b@n9 new unplaced"}, "-b"},
		{"selector", newSet(func(s *apps.DaemonSet) { s.Spec.Template.Spec.NodeSelector = map[string]string{"name": "n2"} }), three, []string{"a@n1 new"}, "+n2 -a"},
		{"taint bars", newSet(), []*v1.Node{newNode("n1", taint("x", v1.TaintEffectNoSchedule))}, nil, ""},
		{"taint bars new pods only", newSet(), []*v1.Node{newNode("n1", taint("x", v1.TaintEffectNoSchedule))}, []string{"a@n1 new ready"}, ""},
		{"taint drives away", newSet(), []*v1.Node{newNode("n1", taint("x", v1.TaintEffectNoExecute))}, []string{"a@n1 new ready"}, "-a"},
		{"conditions of the node do not matter", newSet(), []*v1.Node{newNode("n1", taint(v1.TaintNodeNotReady, v1.TaintEffectNoExecute), taint(v1.TaintNodeUnschedulable, v1.TaintEffectNoSchedule))}, nil, "+n1"},
		{"network only matters without host network", newSet(), []*v1.Node{newNode("n1", taint(v1.TaintNodeNetworkUnavailable, v1.TaintEffectNoSchedule))}, nil, ""},
		{"update: one node at a time", newSet(), three, []string{"a@n1 old ready", "b@n2 old ready", "c@n3 old ready"}, "-a"},
		{"update: wait for the new pod", newSet(), three, []string{"a@n1 new", "b@n2 old ready", "c@n3 old ready"}, ""},
		{"update: next", newSet(), three, []string{"a@n1 new ready", "b@n2 old ready", "c@n3 old ready"}, "-b"},
		{"update: broken old pods at once", newSet(), three, []string{"a@n1 old", "b@n2 old", "c@n3 old ready"}, "-a -b"},
		{"update: two at a time", newSet(rolling(2, 0)), three, []string{"a@n1 old ready", "b@n2 old ready", "c@n3 old ready"}, "-a -b"},
		{"surge: a new pod beside the old", newSet(rolling(0, 1)), three, []string{"a@n1 old ready", "b@n2 old ready", "c@n3 old ready"}, "+n1"},
		{"surge: wait", newSet(rolling(0, 1)), three, []string{"a@n1 old ready", "a2@n1 new", "b@n2 old ready", "c@n3 old ready"}, ""},
		{"surge: the old goes", newSet(rolling(0, 1)), three, []string{"a@n1 old ready", "a2@n1 new ready", "b@n2 old ready", "c@n3 old ready"}, "-a"},
		{"on delete", newSet(onDelete), three[:1], []string{"a@n1 old ready"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := observed{set: test.set, nodes: test.nodes, hash: "new", now: start.Add(time.Hour)}
			for _, one := range test.pods {
				o.pods = append(o.pods, parsePod(one))
			}
			if diff := cmp.Diff(test.want, text(plan(o))); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFailedPodsWait(t *testing.T) {
	o := observed{set: newSet(), nodes: []*v1.Node{newNode("n1")}, pods: []*v1.Pod{parsePod("a@n1 new failed")}, hash: "new", now: start,
		mayReplace: func(string) time.Duration { return time.Minute }}
	if out := plan(o); text(out) != "" || out.after != time.Minute {
		t.Errorf("actions %q after %v, want none after a minute", text(out), out.after)
	}
}

func TestBurst(t *testing.T) {
	o := observed{set: newSet(), hash: "new", now: start}
	for i := range 300 {
		o.nodes = append(o.nodes, newNode(fmt.Sprintf("n%d", i)))
	}
	if out := plan(o); len(out.create) != burst {
		t.Errorf("creates %d pods, want %d", len(out.create), burst)
	}
}

func TestStatus(t *testing.T) {
	set := newSet(func(s *apps.DaemonSet) { s.Spec.MinReadySeconds = 60; s.Generation = 3 })
	barred := newNode("n4", taint("x", v1.TaintEffectNoSchedule))
	o := observed{set: set, nodes: []*v1.Node{newNode("n1"), newNode("n2"), newNode("n3"), barred}, hash: "new", now: start.Add(30 * time.Second)}
	for _, one := range []string{"a@n1 new ready", "b@n2 old", "d@n4 new ready"} {
		o.pods = append(o.pods, parsePod(one))
	}
	got, after := o.status(nil)
	want := apps.DaemonSetStatus{
		DesiredNumberScheduled: 3, CurrentNumberScheduled: 2, NumberMisscheduled: 1, NumberReady: 1, UpdatedNumberScheduled: 1,
		NumberUnavailable: 3, ObservedGeneration: 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if after != 30*time.Second {
		t.Errorf("changes after %v, want 30s", after)
	}
}

func TestBindTo(t *testing.T) {
	affinity := &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{
		{MatchExpressions: []v1.NodeSelectorRequirement{{Key: "a", Operator: v1.NodeSelectorOpExists}}}, {},
	}}}}
	bound := bindTo(affinity, "n1")
	terms := bound.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	for _, term := range terms {
		if len(term.MatchFields) != 1 || term.MatchFields[0].Values[0] != "n1" {
			t.Errorf("term %v is not bound", term)
		}
	}
	if len(terms[0].MatchExpressions) != 1 || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0].MatchFields != nil {
		t.Error("expressions were lost, or the template was changed")
	}
}
