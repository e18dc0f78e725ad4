package interpodaffinity

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
	"github.com/proa-sh/proa/pkg/scheduler/plugintest"
	"github.com/proa-sh/proa/pkg/scheduler/profile"
)

const (
	noAffinity     = "UnschedulableAndUnresolvable: node(s) didn't match pod affinity rules"
	noAntiAffinity = "Unschedulable: node(s) didn't match pod anti-affinity rules"
	keptOut        = "Unschedulable: node(s) didn't satisfy existing pods anti-affinity rules"
)

// term is a pod affinity term for pods with label app.
func term(app, key, more string) string {
	return fmt.Sprintf("{labelSelector: {matchLabels: {app: %s}}, topologyKey: %s%s}", app, key, more)
}

func mustJoin(terms string) string {
	return "podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [" + terms + "]}"
}

func mustAvoid(terms string) string {
	return "podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [" + terms + "]}"
}

func likes(weight int, t string) string {
	return fmt.Sprintf("podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: %d, podAffinityTerm: %s}]}", weight, t)
}

func dislikes(weight int, t string) string {
	return fmt.Sprintf("podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: %d, podAffinityTerm: %s}]}", weight, t)
}

// pod is a pod with label app.
func pod(t testing.TB, name, app, affinity string) *v1.Pod {
	return plugintest.Pod(t, name, "metadata: {labels: {app: "+app+"}}\nspec: {affinity: {"+affinity+"}}")
}

func on(node string, p *v1.Pod) *v1.Pod {
	p.Spec.NodeName = node
	return p
}

// threeNodes are a1 and a2 in zone a, and b1 in zone b. Nodes of zone a are in one rack.
func threeNodes(t testing.TB) []*v1.Node {
	return []*v1.Node{
		plugintest.Node(t, "a1", "metadata: {labels: {zone: a, rack: r}}"),
		plugintest.Node(t, "a2", "metadata: {labels: {zone: a, rack: r}}"),
		plugintest.Node(t, "b1", "metadata: {labels: {zone: b}}"),
	}
}

func env(t testing.TB, args *configv1.InterPodAffinityArgs, namespaces ...string) *plugintest.Env {
	if args == nil {
		args = &configv1.InterPodAffinityArgs{}
	}
	e := plugintest.New(t, Name, New, args)
	for _, name := range append(namespaces, "default") {
		ns := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": name}}}
		if err := e.Informers.Core().V1().Namespaces().Informer().GetIndexer().Add(ns); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func TestFilter(t *testing.T) {
	all := func(a1, a2, b1 string) map[string]string { return map[string]string{"a1": a1, "a2": a2, "b1": b1} }
	elsewhere := on("a1", pod(t, "x", "web", ""))
	elsewhere.Namespace = "other"
	tests := []struct {
		name     string
		existing []*v1.Pod
		pod      *v1.Pod
		want     map[string]string
	}{
		{name: "asks nothing", existing: []*v1.Pod{on("a1", pod(t, "x", "web", ""))}, pod: pod(t, "p", "web", ""), want: all("", "", "")},
		{
			name: "affinity by zone", existing: []*v1.Pod{on("a1", pod(t, "x", "db", ""))},
			pod: pod(t, "p", "web", mustJoin(term("db", "zone", ""))), want: all("", "", noAffinity),
		},
		{
			name: "affinity that nobody meets", existing: []*v1.Pod{on("a1", pod(t, "x", "db", ""))},
			pod: pod(t, "p", "web", mustJoin(term("cache", "zone", ""))), want: all(noAffinity, noAffinity, noAffinity),
		},
		{name: "first of a group", pod: pod(t, "p", "web", mustJoin(term("web", "rack", ""))), want: all("", "", noAffinity)},
		{
			name: "second of a group", existing: []*v1.Pod{on("b1", pod(t, "x", "web", ""))},
			pod: pod(t, "p", "web", mustJoin(term("web", "zone", ""))), want: all(noAffinity, noAffinity, ""),
		},
		{
			name:     "two terms are met by one pod that matches both",
			existing: []*v1.Pod{on("a1", pod(t, "x", "db", "")), on("b1", plugintest.Pod(t, "y", "metadata: {labels: {app: db, tier: gold}}"))},
			pod:      pod(t, "p", "web", mustJoin(term("db", "zone", "")+", {labelSelector: {matchLabels: {tier: gold}}, topologyKey: zone}")),
			want:     all(noAffinity, noAffinity, ""),
		},
		{
			name: "anti-affinity by host", existing: []*v1.Pod{on("a1", pod(t, "x", "web", ""))},
			pod: pod(t, "p", "web", mustAvoid(term("web", v1.LabelHostname, ""))), want: all(noAntiAffinity, "", ""),
		},
		{
			name: "anti-affinity by a label that nodes lack", existing: []*v1.Pod{on("b1", pod(t, "x", "web", ""))},
			pod: pod(t, "p", "web", mustAvoid(term("web", "rack", ""))), want: all("", "", ""),
		},
		{
			name: "anti-affinity of those that are there", existing: []*v1.Pod{on("a1", pod(t, "x", "db", mustAvoid(term("web", "zone", ""))))},
			pod: pod(t, "p", "web", ""), want: all(keptOut, keptOut, ""),
		},
		{
			name: "their anti-affinity is not to this pod", existing: []*v1.Pod{on("a1", pod(t, "x", "db", mustAvoid(term("web", "zone", ""))))},
			pod: pod(t, "p", "cache", ""), want: all("", "", ""),
		},
		{
			name: "another namespace", existing: []*v1.Pod{elsewhere},
			pod: pod(t, "p", "web", mustAvoid(term("web", "zone", ""))), want: all("", "", ""),
		},
		{
			name: "namespace by name", existing: []*v1.Pod{elsewhere},
			pod: pod(t, "p", "web", mustAvoid(term("web", "zone", ", namespaces: [other]"))), want: all(noAntiAffinity, noAntiAffinity, ""),
		},
		{
			name: "namespace by selector", existing: []*v1.Pod{elsewhere},
			pod:  pod(t, "p", "web", mustAvoid(term("web", "zone", ", namespaceSelector: {matchLabels: {team: other}}"))),
			want: all(noAntiAffinity, noAntiAffinity, ""),
		},
		{
			name: "all namespaces", existing: []*v1.Pod{elsewhere},
			pod: pod(t, "p", "web", mustAvoid(term("web", "zone", ", namespaceSelector: {}"))), want: all(noAntiAffinity, noAntiAffinity, ""),
		},
		{
			name:     "their namespace selector",
			existing: []*v1.Pod{on("a1", pod(t, "x", "db", mustAvoid(term("web", "zone", ", namespaceSelector: {matchLabels: {team: default}}"))))},
			pod:      pod(t, "p", "web", ""), want: all(keptOut, keptOut, ""),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := env(t, nil, "other").Nodes(threeNodes(t)...).Pods(tt.existing...)
			if diff := cmp.Diff(tt.want, e.Filter(tt.pod)); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilterExtensions(t *testing.T) {
	ctx := context.Background()
	existing := on("a1", pod(t, "x", "web", ""))
	e := env(t, nil).Nodes(threeNodes(t)...).Pods(existing)
	p := pod(t, "p", "web", mustAvoid(term("web", "zone", "")))
	state := profile.NewCycleState()
	if _, _, status := e.Profile.RunPreFilterPlugins(ctx, state, p); !status.IsSuccess() {
		t.Fatal(status)
	}
	a1, err := e.Snapshot.Get("a1")
	if err != nil {
		t.Fatal(err)
	}
	b1, err := e.Snapshot.Get("b1")
	if err != nil {
		t.Fatal(err)
	}
	changed := state.Clone()
	if status := e.Profile.RunPreFilterExtensionRemovePod(ctx, changed, p, a1.GetPods()[0], a1); !status.IsSuccess() {
		t.Fatal(status)
	}
	added, err := cache.NewPodInfo(pod(t, "y", "db", mustAvoid(term("web", "zone", ""))))
	if err != nil {
		t.Fatal(err)
	}
	if status := e.Profile.RunPreFilterExtensionAddPod(ctx, changed, p, added, b1); !status.IsSuccess() {
		t.Fatal(status)
	}
	if diff := cmp.Diff(map[string]string{"a1": "", "a2": "", "b1": keptOut}, e.FilterIn(changed, nil, p)); diff != "" {
		t.Errorf("changed state (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"a1": noAntiAffinity, "a2": noAntiAffinity, "b1": ""}, e.FilterIn(state, nil, p)); diff != "" {
		t.Errorf("the state it was cloned from (-want +got):\n%s", diff)
	}
}

func TestScore(t *testing.T) {
	weight := func(w int32) *configv1.InterPodAffinityArgs {
		return &configv1.InterPodAffinityArgs{HardPodAffinityWeight: &w}
	}
	tests := []struct {
		name     string
		args     *configv1.InterPodAffinityArgs
		existing []*v1.Pod
		pod      *v1.Pod
		want     map[string]int64
	}{
		{name: "nobody prefers", existing: []*v1.Pod{on("a1", pod(t, "x", "db", ""))}, pod: pod(t, "p", "web", "")},
		{
			name: "likes", existing: []*v1.Pod{on("a1", pod(t, "x", "db", "")), on("b1", pod(t, "y", "db", "")), on("a2", pod(t, "z", "db", ""))},
			pod: pod(t, "p", "web", likes(5, term("db", "zone", ""))), want: map[string]int64{"a1": 100, "a2": 100, "b1": 0},
		},
		{
			name: "dislikes", existing: []*v1.Pod{on("a1", pod(t, "x", "db", "")), on("a1", pod(t, "y", "db", "")), on("a2", pod(t, "z", "db", ""))},
			pod: pod(t, "p", "web", dislikes(5, term("db", v1.LabelHostname, ""))), want: map[string]int64{"a1": 0, "a2": 50, "b1": 100},
		},
		{
			name: "is liked", existing: []*v1.Pod{on("a1", pod(t, "x", "db", likes(7, term("web", v1.LabelHostname, ""))))},
			pod: pod(t, "p", "web", ""), want: map[string]int64{"a1": 100, "a2": 0, "b1": 0},
		},
		{
			name: "is disliked", existing: []*v1.Pod{on("a1", pod(t, "x", "db", dislikes(7, term("web", "zone", ""))))},
			pod: pod(t, "p", "web", ""), want: map[string]int64{"a1": 0, "a2": 0, "b1": 100},
		},
		{
			name: "is needed", existing: []*v1.Pod{on("b1", pod(t, "x", "db", mustJoin(term("web", "zone", ""))))},
			pod: pod(t, "p", "web", ""), want: map[string]int64{"a1": 0, "a2": 0, "b1": 100},
		},
		{
			name: "is needed, which counts nothing", args: weight(0), existing: []*v1.Pod{on("b1", pod(t, "x", "db", mustJoin(term("web", "zone", ""))))},
			pod: pod(t, "p", "web", ""),
		},
		{
			name: "is liked, which is ignored", args: &configv1.InterPodAffinityArgs{IgnorePreferredTermsOfExistingPods: true},
			existing: []*v1.Pod{on("a1", pod(t, "x", "db", likes(7, term("web", v1.LabelHostname, ""))))}, pod: pod(t, "p", "web", ""),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := env(t, tt.args).Nodes(threeNodes(t)...).Pods(tt.existing...)
			if diff := cmp.Diff(tt.want, e.Scores(tt.pod)); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
		})
	}
}

// firstOnly is a term for pods with index 1.
const firstOnly = "{labelSelector: {matchExpressions: [{key: index, operator: In, values: ['1']}]}, topologyKey: zone}"

// TestClasses: pods that differ in a label which no term names are counted once for all; when one comes to name it, they
// are told apart.
func TestClasses(t *testing.T) {
	e := env(t, nil).Nodes(threeNodes(t)...).Pods(on("a1", pod(t, "x", "db", mustAvoid(term("web", "zone", "")))))
	indexed := func(index string) *v1.Pod {
		p := pod(t, "web-"+index, "web", "")
		p.Labels["index"] = index
		return p
	}
	check := func(index string, classes int, want map[string]string) {
		t.Helper()
		if diff := cmp.Diff(want, e.Filter(indexed(index))); diff != "" {
			t.Errorf("status of pod %s (-want +got):\n%s", index, diff)
		}
		if got := e.Plugin.(*Plugin).filterClasses.Len(); got != classes {
			t.Errorf("after pod %s there are %d classes, want %d", index, got, classes)
		}
	}
	inB := map[string]string{"a1": keptOut, "a2": keptOut, "b1": ""}
	check("1", 1, inB)
	check("2", 1, inB)
	check("3", 1, inB)
	e.Pods(on("b1", pod(t, "y", "db", mustAvoid(firstOnly))))
	check("1", 1, map[string]string{"a1": keptOut, "a2": keptOut, "b1": keptOut})
	check("2", 2, inB)
	check("3", 3, inB)
}

// TestKeptCounts lets a cluster change at random, and compares the plugin that has kept its counts through all changes
// with one that has just begun.
func TestKeptCounts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	kinds := []string{
		"", mustJoin(term("web", "zone", "")), mustAvoid(term("web", v1.LabelHostname, "")), mustAvoid(term("db", "zone", "")),
		likes(3, term("db", "zone", "")), dislikes(2, term("web", v1.LabelHostname, "")),
		mustAvoid(firstOnly), likes(1, firstOnly),
	}
	apps := []string{"web", "db"}
	some := func(name string) *v1.Pod {
		p := pod(t, name, apps[random.IntN(2)], kinds[random.IntN(len(kinds))])
		p.Labels["index"] = []string{"1", "2", "3"}[random.IntN(3)]
		return p
	}
	kept := env(t, nil).Nodes(threeNodes(t)...)
	nodes, pods := threeNodes(t), map[string]*v1.Pod{}
	for step := range 300 {
		name := fmt.Sprintf("p%d", random.IntN(12))
		switch old := pods[name]; {
		case random.IntN(10) == 0:
			i := random.IntN(3)
			nodes[i] = nodes[i].DeepCopy()
			nodes[i].Labels["zone"] = []string{"a", "b", "c"}[random.IntN(3)]
			kept.Nodes(nodes[i])
		case old == nil:
			pods[name] = on(nodes[random.IntN(3)].Name, some(name))
			kept.Pods(pods[name])
		case random.IntN(2) == 0:
			changed := old.DeepCopy()
			changed.Labels["app"] = apps[random.IntN(2)]
			pods[name] = changed
			kept.Pods(changed)
		default:
			if err := kept.Cache.RemovePod(old); err != nil {
				t.Fatal(err)
			}
			delete(pods, name)
			kept.Refresh()
		}
		fresh := env(t, nil).Nodes(nodes...)
		for _, p := range pods {
			fresh.Pods(p)
		}
		asking := some("asking")
		if diff := cmp.Diff(fresh.Filter(asking), kept.Filter(asking)); diff != "" {
			t.Fatalf("step %d: status (-fresh +kept):\n%s", step, diff)
		}
		if diff := cmp.Diff(fresh.Scores(asking), kept.Scores(asking)); diff != "" {
			t.Fatalf("step %d: scores (-fresh +kept):\n%s", step, diff)
		}
	}
}

func TestHints(t *testing.T) {
	joining := pod(t, "p", "web", mustJoin(term("db", "zone", "")))
	avoiding := pod(t, "p", "web", mustAvoid(term("db", "zone", "")))
	plain := pod(t, "p", "web", "")
	db, cacheApp := on("n", pod(t, "x", "db", "")), on("n", pod(t, "x", "cache", ""))
	guard := on("n", pod(t, "y", "guard", mustAvoid(term("web", "zone", ""))))
	inZone, moved, outside := plugintest.Node(t, "n", "metadata: {labels: {zone: a}}"), plugintest.Node(t, "n", "metadata: {labels: {zone: b}}"), plugintest.Node(t, "n", "")
	tests := []struct {
		name     string
		pod      *v1.Pod
		resource framework.EventResource
		action   framework.ActionType
		old, new any
		want     string
	}{
		{name: "sought pod comes", pod: joining, resource: framework.Pod, action: framework.Add, new: db, want: "Queue"},
		{name: "other pod comes", pod: joining, resource: framework.Pod, action: framework.Add, new: cacheApp, want: "QueueSkip"},
		{name: "pod becomes the sought one", pod: joining, resource: framework.Pod, action: framework.UpdatePodLabel, old: cacheApp, new: db, want: "Queue"},
		{name: "avoided pod goes", pod: avoiding, resource: framework.Pod, action: framework.Delete, old: db, want: "Queue"},
		{name: "other pod goes", pod: avoiding, resource: framework.Pod, action: framework.Delete, old: cacheApp, want: "QueueSkip"},
		{name: "avoided pod ceases to be one", pod: avoiding, resource: framework.Pod, action: framework.UpdatePodLabel, old: db, new: cacheApp, want: "Queue"},
		{name: "guard goes", pod: plain, resource: framework.Pod, action: framework.Delete, old: guard, want: "Queue"},
		{name: "own labels", pod: plain, resource: framework.Pod, action: framework.UpdatePodLabel, old: plain, new: plain, want: "Queue"},
		{name: "node with the label", pod: joining, resource: framework.Node, action: framework.Add, new: inZone, want: "Queue"},
		{name: "node without the label", pod: joining, resource: framework.Node, action: framework.Add, new: outside, want: "QueueSkip"},
		{name: "node changes zone", pod: avoiding, resource: framework.Node, action: framework.UpdateNodeLabel, old: inZone, new: moved, want: "Queue"},
		{name: "node leaves the zone", pod: avoiding, resource: framework.Node, action: framework.UpdateNodeLabel, old: inZone, new: outside, want: "Queue"},
		{name: "node changes other labels", pod: avoiding, resource: framework.Node, action: framework.UpdateNodeLabel, old: inZone, new: inZone, want: "QueueSkip"},
	}
	e := env(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, e.Hint(tt.pod, tt.resource, tt.action, tt.old, tt.new)); diff != "" {
				t.Errorf("hint (-want +got):\n%s", diff)
			}
		})
	}
}
