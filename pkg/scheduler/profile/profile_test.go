package profile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
	"github.com/proa-sh/proa/pkg/scheduler/config"
	"github.com/proa-sh/proa/pkg/scheduler/queue"
)

// plugin extends all points, says what it is told to, and notes its calls.
type plugin struct {
	name     string
	calls    *[]string
	statuses map[string]*framework.Status
	// nodes are those that PreFilter leaves; nil for all.
	nodes sets.Set[string]
	// turnsDown are nodes that Filter turns down, with the reason.
	turnsDown map[string]string
	scores    map[string]int64
}

func (p *plugin) Name() string { return p.name }

func (p *plugin) call(point string) *framework.Status {
	*p.calls = append(*p.calls, point+" "+p.name)
	return p.statuses[point]
}

func (p *plugin) Less(a, b framework.QueuedPodInfo) bool { return true }

func (p *plugin) PreEnqueue(context.Context, *v1.Pod) *framework.Status { return p.call("PreEnqueue") }

func (p *plugin) PreFilter(context.Context, framework.CycleState, *v1.Pod, []framework.NodeInfo) (*framework.PreFilterResult, *framework.Status) {
	return &framework.PreFilterResult{NodeNames: p.nodes}, p.call("PreFilter")
}

func (p *plugin) PreFilterExtensions() framework.PreFilterExtensions { return nil }

func (p *plugin) Filter(_ context.Context, _ framework.CycleState, _ *v1.Pod, node framework.NodeInfo) *framework.Status {
	if status := p.call("Filter"); status != nil {
		return status
	}
	if reason, ok := p.turnsDown[node.Node().Name]; ok {
		return framework.NewStatus(framework.Unschedulable, reason)
	}
	return nil
}

func (p *plugin) PostFilter(context.Context, framework.CycleState, *v1.Pod, framework.NodeToStatusReader) (*framework.PostFilterResult, *framework.Status) {
	return nil, p.call("PostFilter")
}

func (p *plugin) PreScore(context.Context, framework.CycleState, *v1.Pod, []framework.NodeInfo) *framework.Status {
	return p.call("PreScore")
}

func (p *plugin) Score(_ context.Context, _ framework.CycleState, _ *v1.Pod, node framework.NodeInfo) (int64, *framework.Status) {
	return p.scores[node.Node().Name], p.call("Score")
}

func (p *plugin) ScoreExtensions() framework.ScoreExtensions { return nil }

func (p *plugin) Reserve(context.Context, framework.CycleState, *v1.Pod, string) *framework.Status {
	return p.call("Reserve")
}

func (p *plugin) Unreserve(context.Context, framework.CycleState, *v1.Pod, string) {
	p.call("Unreserve")
}

func (p *plugin) PreBindPreFlight(context.Context, framework.CycleState, *v1.Pod, string) (*framework.PreBindPreFlightResult, *framework.Status) {
	return nil, p.call("PreBindPreFlight")
}

func (p *plugin) PreBind(context.Context, framework.CycleState, *v1.Pod, string) *framework.Status {
	return p.call("PreBind")
}

func (p *plugin) Bind(context.Context, framework.CycleState, *v1.Pod, string) *framework.Status {
	return p.call("Bind")
}

func (p *plugin) PostBind(context.Context, framework.CycleState, *v1.Pod, string) { p.call("PostBind") }

// build is a profile with plugins on some nodes.
func build(t *testing.T, percentage int32, nodes []string, plugins ...*plugin) (*Profile, *[]string) {
	t.Helper()
	calls := &[]string{}
	c, s := cache.New(), cache.NewSnapshot()
	for _, name := range nodes {
		c.SetNode(&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	c.Update(s)
	cfg := Config{
		Name: "p", Parallelism: 4, PercentageOfNodesToScore: percentage, Snapshot: s,
		Nominator: queue.NewNominator(), Waiting: NewWaiting(), Factories: map[string]Factory{},
		Args: func(string) (runtime.Object, error) { return nil, nil },
	}
	var settings []config.Setting
	// One plugin must sort the queue.
	var others []configv1.Plugin
	for i, p := range plugins {
		p.calls = calls
		cfg.Factories[p.name] = func(context.Context, runtime.Object, framework.Handle) (framework.Plugin, error) { return p, nil }
		settings = append(settings, config.Setting{Name: p.name, Weight: int32(i + 1)})
		if i > 0 {
			others = append(others, configv1.Plugin{Name: p.name})
		}
	}
	cfg.Settings = config.NewSettings(settings, &configv1.Plugins{QueueSort: configv1.PluginSet{Disabled: others}})
	p, err := New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p, calls
}

func TestFindNode(t *testing.T) {
	unresolvable := framework.NewStatus(framework.UnschedulableAndUnresolvable, "not at all")
	tests := []struct {
		name    string
		nodes   []string
		plugins []*plugin
		want    string
		// rejecters are the plugins behind a failure.
		rejecters []string
	}{
		{name: "no nodes", plugins: []*plugin{{name: "a"}}, want: "no nodes available to schedule pods", rejecters: []string{"a"}},
		{
			name: "best by weighted sum", nodes: []string{"x", "y"},
			plugins: []*plugin{{name: "a", scores: map[string]int64{"x": 100}}, {name: "b", scores: map[string]int64{"y": 60}}}, want: "y",
		},
		{
			name: "filtered", nodes: []string{"x", "y"},
			plugins: []*plugin{{name: "a", turnsDown: map[string]string{"y": "no"}, scores: map[string]int64{"y": 9}}}, want: "x",
		},
		{
			name: "all turned down", nodes: []string{"x", "y", "z"},
			plugins:   []*plugin{{name: "a", turnsDown: map[string]string{"x": "cold", "y": "wet"}}, {name: "b", turnsDown: map[string]string{"z": "wet", "y": "late"}}},
			want:      "0/3 nodes are available: 1 cold, 2 wet.",
			rejecters: []string{"a", "b"},
		},
		{
			name: "turned down as a whole", nodes: []string{"x", "y"},
			plugins: []*plugin{{name: "a"}, {name: "b", statuses: map[string]*framework.Status{"PreFilter": unresolvable}}},
			want:    "0/2 nodes are available: not at all.", rejecters: []string{"b"},
		},
		{
			name: "few nodes left", nodes: []string{"x", "y", "z"},
			plugins: []*plugin{{name: "a", nodes: sets.New("y", "z")}, {name: "b", turnsDown: map[string]string{"y": "wet", "z": "wet"}}},
			want:    "0/3 nodes are available: 1 node(s) didn't satisfy plugin(s) [a], 2 wet.", rejecters: []string{"a", "b"},
		},
		{
			name: "no node left by one", nodes: []string{"x"}, plugins: []*plugin{{name: "a", nodes: sets.New[string]()}},
			want: "0/1 nodes are available: node(s) didn't satisfy plugin a.", rejecters: []string{"a"},
		},
		{
			name: "no node left by two", nodes: []string{"x", "y"}, plugins: []*plugin{{name: "a", nodes: sets.New("x")}, {name: "b", nodes: sets.New("y")}},
			want: "0/2 nodes are available: node(s) didn't satisfy plugin(s) [a b] simultaneously.", rejecters: []string{"b"},
		},
		{
			name: "skipped filter", nodes: []string{"x"},
			plugins: []*plugin{{name: "a", turnsDown: map[string]string{"x": "no"}, statuses: map[string]*framework.Status{"PreFilter": framework.NewStatus(framework.Skip)}}}, want: "x",
		},
		{
			name: "skipped score", nodes: []string{"x", "y"},
			plugins: []*plugin{{name: "a", scores: map[string]int64{"x": 1}}, {name: "b", scores: map[string]int64{"y": 100}, statuses: map[string]*framework.Status{"PreScore": framework.NewStatus(framework.Skip)}}},
			want:    "x",
		},
		{
			name: "failing filter", nodes: []string{"x"},
			plugins: []*plugin{{name: "a", statuses: map[string]*framework.Status{"Filter": framework.AsStatus(errors.New("broken"))}}},
			want:    `filter nodes: run Filter of plugin "a": broken`,
		},
		{
			name: "score out of range", nodes: []string{"x", "y"}, plugins: []*plugin{{name: "a", scores: map[string]int64{"x": 101}}},
			want: `rank nodes: plugin "a" gave node "x" the score 101, want 0 to 100`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := build(t, 0, tt.nodes, tt.plugins...)
			got, err := p.FindNode(context.Background(), NewCycleState(), &v1.Pod{})
			var rejecters []string
			if err != nil {
				got = err.Error()
			}
			if fit := (*FitError)(nil); errors.As(err, &fit) {
				rejecters = sets.List(fit.Diagnosis.UnschedulablePlugins)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.rejecters, rejecters); diff != "" {
				t.Errorf("rejecters (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFindNodeStopsWhenEnough(t *testing.T) {
	var nodes []string
	for i := range 400 {
		nodes = append(nodes, fmt.Sprint("n", i))
	}
	p, calls := build(t, 30, nodes, &plugin{name: "a"})
	for range 3 {
		if _, err := p.FindNode(context.Background(), NewCycleState(), &v1.Pod{}); err != nil {
			t.Fatal(err)
		}
	}
	filtered := 0
	for _, c := range *calls {
		if c == "Filter a" {
			filtered++
		}
	}
	if diff := cmp.Diff([]int{3 * 120, 3 * 120}, []int{filtered, p.nextNode}); diff != "" {
		t.Errorf("nodes looked at, and where the next cycle begins (-want +got):\n%s", diff)
	}
	for nodes, want := range map[int]int{50: 50, 100: 100, 1000: 420, 5000: 500, 20000: 1000} {
		if diff := cmp.Diff(want, feasibleEnough(0, nodes)); diff != "" {
			t.Errorf("enough of %d nodes (-want +got):\n%s", nodes, diff)
		}
	}
}

// TestFilterOnAllCores: many nodes are looked at by many goroutines, with the same result and no more looks.
func TestFilterOnAllCores(t *testing.T) {
	const nodes = 3000
	c, s := cache.New(), cache.NewSnapshot()
	for i := range nodes {
		c.SetNode(&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%04d", i)}})
	}
	c.Update(s)
	// outcome are the looks, how many nodes are feasible, and the error, of each of some cycles.
	outcome := func(workers int, every int64) []string {
		odd := &everyNth{n: every}
		p := &Profile{
			config: Config{Snapshot: s, PercentageOfNodesToScore: 20}, Nominator: queue.NewNominator(),
			parallelizer: parallelizer{workers: workers}, filter: []framework.FilterPlugin{odd},
		}
		var cycles []string
		for range 7 {
			odd.looks.Store(0)
			d := Diagnosis{snapshot: s}
			feasible, err := p.filterNodes(context.Background(), NewCycleState(), &v1.Pod{}, nil, &d)
			names := sets.New[string]()
			for _, n := range feasible {
				names.Insert(n.Node().Name)
			}
			cycles = append(cycles, fmt.Sprintf("%d looks, next %d, %v %v, %d nodes: %v", odd.looks.Load(), p.nextNode, err, d.UnschedulablePlugins.UnsortedList(), len(feasible), sets.List(names)))
		}
		return cycles
	}
	for _, every := range []int64{1, 2, 3, 1000} {
		if diff := cmp.Diff(outcome(1, every), outcome(8, every)); diff != "" {
			t.Errorf("one of %d nodes is feasible: outcome (-one core +eight):\n%s", every, diff)
		}
	}
}

// everyNth turns all nodes down but every nth by its name.
type everyNth struct {
	n     int64
	looks atomic.Int64
}

func (*everyNth) Name() string { return "everyNth" }

func (e *everyNth) Filter(_ context.Context, _ framework.CycleState, _ *v1.Pod, node framework.NodeInfo) *framework.Status {
	e.looks.Add(1)
	var number int64
	if _, err := fmt.Sscanf(node.Node().Name, "node-%d", &number); err != nil {
		return framework.AsStatus(err)
	}
	if number%e.n != 0 {
		return framework.NewStatus(framework.Unschedulable, "odd").WithPlugin("everyNth")
	}
	return nil
}

func TestNominatedPods(t *testing.T) {
	ctx := context.Background()
	p, _ := build(t, 0, []string{"x", "y"}, &plugin{name: "a", scores: map[string]int64{"x": 100}})
	// A filter that lets a node have one pod.
	p.filter = []framework.FilterPlugin{onePod{}}
	priority := func(name string, n int32) *cache.PodInfo {
		info, err := cache.NewPodInfo(&v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Spec: v1.PodSpec{Priority: &n}})
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	p.AddNominatedPod(klog.Background(), priority("nominated", 5), &framework.NominatingInfo{NominatingMode: framework.ModeOverride, NominatedNodeName: "x"})
	for n, want := range map[int32]string{4: "y", 5: "y", 6: "x"} {
		got, err := p.FindNode(ctx, NewCycleState(), priority("pod", n).GetPod())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("priority %d (-want +got):\n%s", n, diff)
		}
	}
	self := priority("nominated", 5).GetPod()
	self.Status.NominatedNodeName = "y"
	if got, err := p.FindNode(ctx, NewCycleState(), self); err != nil || got != "y" {
		t.Errorf("the nominated pod itself got %q, %v, want the node in its status", got, err)
	}
}

type onePod struct{}

func (onePod) Name() string { return "onePod" }

func (onePod) Filter(_ context.Context, _ framework.CycleState, _ *v1.Pod, node framework.NodeInfo) *framework.Status {
	if len(node.GetPods()) > 0 {
		return framework.NewStatus(framework.Unschedulable, "full")
	}
	return nil
}

func TestExtensionPoints(t *testing.T) {
	ctx, pod := context.Background(), &v1.Pod{}
	status := func(code framework.Code) *framework.Status { return framework.NewStatus(code, "because") }
	text := func(s *framework.Status) string {
		if s.IsSuccess() {
			return "Success"
		}
		return fmt.Sprintf("%s by %q: %s", s.Code(), s.Plugin(), s.Message())
	}
	tests := []struct {
		name string
		// says is what plugin b says.
		says  map[string]*framework.Status
		run   func(p *Profile, s *CycleState) *framework.Status
		want  string
		calls string
	}{
		{
			name: "reserve", run: func(p *Profile, s *CycleState) *framework.Status { return p.RunReservePluginsReserve(ctx, s, pod, "n") },
			want: "Success", calls: "Reserve a, Reserve b, Reserve c",
		},
		{
			name: "reserve refused", says: map[string]*framework.Status{"Reserve": status(framework.Unschedulable)},
			run:  func(p *Profile, s *CycleState) *framework.Status { return p.RunReservePluginsReserve(ctx, s, pod, "n") },
			want: `Unschedulable by "b": because`, calls: "Reserve a, Reserve b",
		},
		{
			name: "unreserve in reverse", run: func(p *Profile, s *CycleState) *framework.Status {
				p.RunReservePluginsUnreserve(ctx, s, pod, "n")
				return nil
			}, want: "Success", calls: "Unreserve c, Unreserve b, Unreserve a",
		},
		{
			name: "bind by the first that does not decline", says: map[string]*framework.Status{"Bind": nil},
			run:  func(p *Profile, s *CycleState) *framework.Status { return p.RunBindPlugins(ctx, s, pod, "n") },
			want: "Success", calls: "Bind a",
		},
		{
			name: "post-filter that makes room ends it", says: map[string]*framework.Status{},
			run: func(p *Profile, s *CycleState) *framework.Status {
				_, status := p.RunPostFilterPlugins(ctx, s, pod, nil)
				return status
			}, want: "Success", calls: "PostFilter a",
		},
		{
			name: "gated", says: map[string]*framework.Status{"PreEnqueue": status(framework.UnschedulableAndUnresolvable)},
			run:  func(p *Profile, s *CycleState) *framework.Status { return p.RunPreEnqueuePlugins(ctx, pod) },
			want: `UnschedulableAndUnresolvable by "b": because`, calls: "PreEnqueue a, PreEnqueue b",
		},
		{
			name: "pre-bind of those that have something to do", says: map[string]*framework.Status{"PreBindPreFlight": status(framework.Skip)},
			run: func(p *Profile, s *CycleState) *framework.Status {
				if status := p.RunPreBindPreFlights(ctx, s, pod, "n"); !status.IsSuccess() {
					return status
				}
				return p.RunPreBindPlugins(ctx, s, pod, "n")
			}, want: "Success", calls: "PreBindPreFlight a, PreBindPreFlight b, PreBindPreFlight c, PreBind a, PreBind c",
		},
		{
			name: "pre-bind fails", says: map[string]*framework.Status{"PreBind": framework.AsStatus(errors.New("broken"))},
			run: func(p *Profile, s *CycleState) *framework.Status {
				p.RunPreBindPreFlights(ctx, s, pod, "n")
				return p.RunPreBindPlugins(ctx, s, pod, "n")
			}, want: `Error by "b": run PreBind of plugin "b": broken`,
			calls: "PreBindPreFlight a, PreBindPreFlight b, PreBindPreFlight c, PreBind a, PreBind b",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, calls := build(t, 0, []string{"n"}, &plugin{name: "a"}, &plugin{name: "b", statuses: tt.says}, &plugin{name: "c"})
			if diff := cmp.Diff(tt.want, text(tt.run(p, NewCycleState()))); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.calls, strings.Join(*calls, ", ")); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewFaults(t *testing.T) {
	_, err := New(context.Background(), Config{
		Name: "p", Settings: config.NewSettings([]config.Setting{{Name: "b"}, {Name: "a"}}, nil),
		Args:      func(string) (runtime.Object, error) { return nil, nil },
		Nominator: queue.NewNominator(),
	})
	want := []string{`make profile "p": plugin "b" is not known`, `plugin "a" is not known`}
	if diff := cmp.Diff(want, strings.Split(fmt.Sprint(err), "\n")); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestCycleState(t *testing.T) {
	s := NewCycleState()
	s.Write("a", data{1})
	s.Write("b", data{2})
	s.Write("a", data{3})
	clone := s.Clone()
	s.Delete("b")
	clone.Write("a", data{4})
	read := func(s framework.CycleState, keys ...framework.StateKey) (values []string) {
		for _, key := range keys {
			d, err := s.Read(key)
			if err != nil {
				values = append(values, fmt.Sprint(errors.Is(err, framework.ErrNotFound)))
				continue
			}
			values = append(values, fmt.Sprint(d))
		}
		return values
	}
	want := [][]string{{"{3}", "true"}, {"{4}", "{2}"}}
	if diff := cmp.Diff(want, [][]string{read(s, "a", "b"), read(clone, "a", "b")}); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

type data struct{ n int }

func (d data) Clone() framework.StateData { return d }

func TestParallelizer(t *testing.T) {
	for _, workers := range []int{1, 4} {
		done := make([]int32, 3000)
		parallelizer{workers: workers}.Until(context.Background(), len(done), func(i int) { done[i]++ }, "")
		if slices.ContainsFunc(done, func(n int32) bool { return n != 1 }) {
			t.Errorf("%d workers: some piece was not done once", workers)
		}
	}
}
