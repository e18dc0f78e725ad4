package podtopologyspread

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
	"github.com/proa-sh/proa/pkg/scheduler/profile"
)

const (
	uneven   = "Unschedulable: node(s) didn't match pod topology spread constraints"
	noDomain = "UnschedulableAndUnresolvable: node(s) didn't match pod topology spread constraints (missing required label)"
)

func constrained(key string, skew int, action, more string) string {
	return fmt.Sprintf("{maxSkew: %d, topologyKey: %s, whenUnsatisfiable: %s, labelSelector: {matchLabels: {app: web}}%s}", skew, key, action, more)
}

func pod(t testing.TB, name, constraints, more string) *v1.Pod {
	p := plugintest.Pod(t, name, "metadata: {labels: {app: web}}\nspec: {topologySpreadConstraints: ["+constraints+"]}")
	plugintest.Fill(t, p, more)
	return p
}

func on(node string, p *v1.Pod) *v1.Pod {
	p.Spec.NodeName = node
	return p
}

func threeNodes(t testing.TB) []*v1.Node {
	return []*v1.Node{
		plugintest.Node(t, "a1", "metadata: {labels: {zone: a}}"),
		plugintest.Node(t, "a2", "metadata: {labels: {zone: a, disk: ssd}}"),
		plugintest.Node(t, "b1", "metadata: {labels: {zone: b, disk: ssd}}"),
	}
}

func TestFilter(t *testing.T) {
	all := func(a1, a2, b1 string) map[string]string { return map[string]string{"a1": a1, "a2": a2, "b1": b1} }
	web := func(names ...string) []*v1.Pod {
		var pods []*v1.Pod
		for i, node := range names {
			pods = append(pods, on(node, pod(t, fmt.Sprint("x", i), "", "")))
		}
		return pods
	}
	leaving, now := on("b1", pod(t, "leaving", "", "")), metav1.Now()
	leaving.DeletionTimestamp = &now
	tests := []struct {
		name     string
		nodes    []*v1.Node
		existing []*v1.Pod
		pod      *v1.Pod
		want     map[string]string
	}{
		{name: "no constraint", existing: web("a1", "a1"), pod: pod(t, "p", "", ""), want: all("", "", "")},
		{name: "first", pod: pod(t, "p", constrained("zone", 1, "DoNotSchedule", ""), ""), want: all("", "", "")},
		{name: "second", existing: web("a1"), pod: pod(t, "p", constrained("zone", 1, "DoNotSchedule", ""), ""), want: all(uneven, uneven, "")},
		{name: "more skew", existing: web("a1"), pod: pod(t, "p", constrained("zone", 2, "DoNotSchedule", ""), ""), want: all("", "", "")},
		{
			name: "two constraints", existing: web("a1", "b1"),
			pod:  pod(t, "p", constrained("zone", 1, "DoNotSchedule", "")+","+constrained(v1.LabelHostname, 1, "DoNotSchedule", ""), ""),
			want: all(uneven, "", uneven),
		},
		{name: "not selected itself", existing: web("a1"), pod: pod(t, "p", constrained("zone", 1, "DoNotSchedule", ""), "metadata: {labels: {app: db}}"), want: all("", "", "")},
		{name: "leaving pods do not count", existing: append(web("a1"), leaving), pod: pod(t, "p", constrained("zone", 1, "DoNotSchedule", ""), ""), want: all(uneven, uneven, "")},
		{
			name: "node without the label", nodes: []*v1.Node{plugintest.Node(t, "c1", "")},
			pod: pod(t, "p", constrained("zone", 1, "DoNotSchedule", ""), ""), want: map[string]string{"a1": "", "a2": "", "b1": "", "c1": noDomain},
		},
		{name: "too few domains", existing: web("a1", "b1"), pod: pod(t, "p", constrained("zone", 1, "DoNotSchedule", ", minDomains: 3"), ""), want: all(uneven, uneven, uneven)},
		{
			name: "nodes that affinity excludes do not count", existing: web("b1"),
			pod: pod(t, "p", constrained(v1.LabelHostname, 1, "DoNotSchedule", ""), "spec: {nodeSelector: {disk: ssd}}"), want: all("", "", uneven),
		},
		{
			name: "they do if the policy says so", existing: web("a2", "b1"),
			pod: pod(t, "p", constrained(v1.LabelHostname, 1, "DoNotSchedule", ", nodeAffinityPolicy: Ignore"), "spec: {nodeSelector: {disk: ssd}}"), want: all("", uneven, uneven),
		},
		{
			name: "tainted nodes count", nodes: []*v1.Node{plugintest.Node(t, "c1", "metadata: {labels: {zone: c}}\nspec: {taints: [{key: x, effect: NoSchedule}]}")},
			existing: web("a1", "b1"), pod: pod(t, "p", constrained("zone", 1, "DoNotSchedule", ""), ""),
			want: map[string]string{"a1": uneven, "a2": uneven, "b1": uneven, "c1": ""},
		},
		{
			name: "unless the policy says so", nodes: []*v1.Node{plugintest.Node(t, "c1", "metadata: {labels: {zone: c}}\nspec: {taints: [{key: x, effect: NoSchedule}]}")},
			existing: web("a1", "b1"), pod: pod(t, "p", constrained("zone", 1, "DoNotSchedule", ", nodeTaintsPolicy: Honor"), ""),
			want: map[string]string{"a1": "", "a2": "", "b1": "", "c1": ""},
		},
		{
			name: "pods of another version", existing: web("a1"),
			pod: pod(t, "p", constrained("zone", 1, "DoNotSchedule", ", matchLabelKeys: [version]"), "metadata: {labels: {app: web, version: v2}}"), want: all("", "", ""),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := plugintest.New(t, Name, New, nil).Nodes(threeNodes(t)...).Nodes(tt.nodes...).Pods(tt.existing...)
			if diff := cmp.Diff(tt.want, e.Filter(tt.pod)); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilterExtensions(t *testing.T) {
	ctx := context.Background()
	e := plugintest.New(t, Name, New, nil).Nodes(threeNodes(t)...).Pods(on("a1", pod(t, "x", "", "")))
	p := pod(t, "p", constrained("zone", 1, "DoNotSchedule", ""), "")
	state := profile.NewCycleState()
	if _, _, status := e.Profile.RunPreFilterPlugins(ctx, state, p); !status.IsSuccess() {
		t.Fatal(status)
	}
	a1, err := e.Snapshot.Get("a1")
	if err != nil {
		t.Fatal(err)
	}
	changed := state.Clone()
	if status := e.Profile.RunPreFilterExtensionRemovePod(ctx, changed, p, a1.GetPods()[0], a1); !status.IsSuccess() {
		t.Fatal(status)
	}
	if diff := cmp.Diff(map[string]string{"a1": "", "a2": "", "b1": ""}, e.FilterIn(changed, nil, p)); diff != "" {
		t.Errorf("changed state (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"a1": uneven, "a2": uneven, "b1": ""}, e.FilterIn(state, nil, p)); diff != "" {
		t.Errorf("the state it was cloned from (-want +got):\n%s", diff)
	}
}

func TestScore(t *testing.T) {
	e := plugintest.New(t, Name, New, nil).Nodes(threeNodes(t)...).Nodes(plugintest.Node(t, "c1", "")).Pods(
		on("a1", pod(t, "x", "", "")), on("a2", pod(t, "y", "", "")), on("b1", pod(t, "z", "", "")))
	// Zone a has two pods, zone b one; two zones weigh log(4). c1 is in no zone.
	want := map[string]int64{"a1": 33, "a2": 33, "b1": 100, "c1": 0}
	if diff := cmp.Diff(want, e.Scores(pod(t, "p", constrained("zone", 1, "ScheduleAnyway", ""), ""))); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int64(nil), e.Scores(pod(t, "p", constrained("zone", 1, "DoNotSchedule", ""), ""))); diff != "" {
		t.Errorf("scores without preference (-want +got):\n%s", diff)
	}
}

func TestDefaultConstraints(t *testing.T) {
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "rs"}}
	plugintest.Fill(t, set, "spec: {selector: {matchLabels: {app: web}}}")
	service := &v1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "s"}}
	plugintest.Fill(t, service, "spec: {selector: {app: web}}")
	owned := pod(t, "p", "", "metadata: {labels: {app: web}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: rs, uid: u, controller: true}]}")
	list := &configv1.PodTopologySpreadArgs{DefaultingType: configv1.ListDefaulting}
	rule := &configv1.PodTopologySpreadArgs{DefaultingType: configv1.ListDefaulting, DefaultConstraints: []v1.TopologySpreadConstraint{
		{TopologyKey: "zone", WhenUnsatisfiable: v1.DoNotSchedule, MaxSkew: 1},
	}}
	// By default pods spread over hosts: with one pod of log(5) and a skew of 3, a1 has 3.6, the others have 2.
	tests := []struct {
		name       string
		args       *configv1.PodTopologySpreadArgs
		pod        *v1.Pod
		service    bool
		scores     map[string]int64
		wantFilter map[string]string
	}{
		{name: "of no service or controller", pod: pod(t, "p", "", ""), wantFilter: map[string]string{"a1": "", "a2": "", "b1": ""}},
		{
			name: "of a controller", pod: owned, scores: map[string]int64{"a1": 50, "a2": 100, "b1": 100},
			wantFilter: map[string]string{"a1": "", "a2": "", "b1": ""},
		},
		{
			name: "of a service", pod: pod(t, "p", "", ""), service: true, scores: map[string]int64{"a1": 50, "a2": 100, "b1": 100},
			wantFilter: map[string]string{"a1": "", "a2": "", "b1": ""},
		},
		{name: "configured to none", args: list, pod: owned, wantFilter: map[string]string{"a1": "", "a2": "", "b1": ""}},
		{name: "configured as a rule", args: rule, pod: owned, wantFilter: map[string]string{"a1": uneven, "a2": uneven, "b1": ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.args == nil {
				tt.args = &configv1.PodTopologySpreadArgs{}
			}
			e := plugintest.New(t, Name, New, tt.args).Nodes(threeNodes(t)...).Pods(on("a1", pod(t, "x", "", "")))
			if err := e.Informers.Apps().V1().ReplicaSets().Informer().GetIndexer().Add(set); err != nil {
				t.Fatal(err)
			}
			if tt.service {
				if err := e.Informers.Core().V1().Services().Informer().GetIndexer().Add(service); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tt.scores, e.Scores(tt.pod)); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.wantFilter, e.Filter(tt.pod)); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKeptCounts lets a cluster change at random, and compares the plugin that has kept its counts through all changes
// with one that has just begun.
func TestKeptCounts(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	asking := []*v1.Pod{
		pod(t, "p", constrained("zone", 1, "DoNotSchedule", ""), ""),
		pod(t, "p", constrained("zone", 2, "DoNotSchedule", "")+","+constrained(v1.LabelHostname, 1, "DoNotSchedule", ""), "spec: {nodeSelector: {disk: ssd}}"),
		pod(t, "p", constrained("zone", 1, "ScheduleAnyway", ""), ""),
	}
	kept := plugintest.New(t, Name, New, nil).Nodes(threeNodes(t)...)
	nodes, pods := threeNodes(t), map[string]*v1.Pod{}
	for step := range 300 {
		name := fmt.Sprintf("x%d", random.IntN(9))
		switch old := pods[name]; {
		case random.IntN(8) == 0:
			i := random.IntN(3)
			nodes[i] = nodes[i].DeepCopy()
			nodes[i].Labels["zone"] = []string{"a", "b", "c"}[random.IntN(3)]
			nodes[i].Labels["disk"] = []string{"ssd", "hdd"}[random.IntN(2)]
			kept.Nodes(nodes[i])
		case old == nil:
			pods[name] = on(nodes[random.IntN(3)].Name, pod(t, name, "", ""))
			kept.Pods(pods[name])
		case random.IntN(2) == 0:
			changed, now := old.DeepCopy(), metav1.Now()
			changed.DeletionTimestamp = &now
			pods[name] = changed
			kept.Pods(changed)
		default:
			if err := kept.Cache.RemovePod(old); err != nil {
				t.Fatal(err)
			}
			delete(pods, name)
			kept.Refresh()
		}
		fresh := plugintest.New(t, Name, New, nil).Nodes(nodes...)
		for _, p := range pods {
			fresh.Pods(p)
		}
		p := asking[random.IntN(len(asking))]
		if diff := cmp.Diff(fresh.Filter(p), kept.Filter(p)); diff != "" {
			t.Fatalf("step %d: status (-fresh +kept):\n%s", step, diff)
		}
		if diff := cmp.Diff(fresh.Scores(p), kept.Scores(p)); diff != "" {
			t.Fatalf("step %d: scores (-fresh +kept):\n%s", step, diff)
		}
	}
}

func TestTable(t *testing.T) {
	tab := newTable()
	tab.add("a", 1, 3)
	tab.add("b", 2, 1)
	tab.add("c", 0, 5)
	o := overlay{table: tab}
	check := func(what string, minDomains, want int64) {
		t.Helper()
		if diff := cmp.Diff(want, o.lowest(minDomains)); diff != "" {
			t.Errorf("%s: lowest (-want +got):\n%s", what, diff)
		}
	}
	check("domain without nodes does not count", 1, 1)
	check("a third domain is wanting", 3, 0)
	o.add("b", 4)
	check("b has five for the sake of argument", 1, 3)
	o.add("b", -4)
	check("and one again", 1, 1)
	tab.add("b", -2, -1)
	check("b is gone", 1, 3)
	tab.add("a", -1, -3)
	check("no domain is left", 1, 0)
}

func TestHints(t *testing.T) {
	asking := pod(t, "p", constrained("zone", 1, "DoNotSchedule", ""), "")
	counted, other := on("n", pod(t, "x", "", "")), on("n", pod(t, "x", "", "metadata: {labels: {app: db}}"))
	inZone, moved, outside := plugintest.Node(t, "n", "metadata: {labels: {zone: a}}"), plugintest.Node(t, "n", "metadata: {labels: {zone: b}}"), plugintest.Node(t, "n", "")
	tests := []struct {
		name     string
		resource framework.EventResource
		action   framework.ActionType
		old, new any
		want     string
	}{
		{name: "counted pod comes", resource: framework.Pod, action: framework.Add, new: counted, want: "Queue"},
		{name: "other pod comes", resource: framework.Pod, action: framework.Add, new: other, want: "QueueSkip"},
		{name: "counted pod goes", resource: framework.Pod, action: framework.Delete, old: counted, want: "Queue"},
		{name: "pod comes to count", resource: framework.Pod, action: framework.UpdatePodLabel, old: other, new: counted, want: "Queue"},
		{name: "pod counts as before", resource: framework.Pod, action: framework.UpdatePodLabel, old: counted, new: counted, want: "QueueSkip"},
		{name: "own labels", resource: framework.Pod, action: framework.UpdatePodLabel, old: asking, new: asking, want: "Queue"},
		{name: "node in a domain", resource: framework.Node, action: framework.Add, new: inZone, want: "Queue"},
		{name: "node in no domain", resource: framework.Node, action: framework.Add, new: outside, want: "QueueSkip"},
		{name: "node of a domain goes", resource: framework.Node, action: framework.Delete, old: inZone, want: "Queue"},
		{name: "node changes domain", resource: framework.Node, action: framework.UpdateNodeLabel, old: inZone, new: moved, want: "Queue"},
		{name: "node changes nothing of note", resource: framework.Node, action: framework.UpdateNodeTaint, old: inZone, new: inZone, want: "QueueSkip"},
	}
	e := plugintest.New(t, Name, New, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, e.Hint(asking, tt.resource, tt.action, tt.old, tt.new)); diff != "" {
				t.Errorf("hint (-want +got):\n%s", diff)
			}
		})
	}
}
