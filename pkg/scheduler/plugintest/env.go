package plugintest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/yaml"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
	"github.com/proa-sh/proa/pkg/scheduler/config"
	"github.com/proa-sh/proa/pkg/scheduler/profile"
	"github.com/proa-sh/proa/pkg/scheduler/queue"
)

// Env is a profile with the plugin under test, and the cluster that it sees.
type Env struct {
	T         testing.TB
	Profile   *profile.Profile
	Plugin    framework.Plugin
	Cache     *cache.Cache
	Snapshot  *cache.Snapshot
	Nominator *queue.Nominator
	Client    *fake.Clientset
	Informers informers.SharedInformerFactory
	Recorder  *events.FakeRecorder
}

// New makes a profile with one plugin. Args may be nil, for the defaults.
func New(t testing.TB, name string, factory profile.Factory, args runtime.Object) *Env {
	t.Helper()
	client := fake.NewClientset()
	e := &Env{
		T: t, Cache: cache.New(), Snapshot: cache.NewSnapshot(), Nominator: queue.NewNominator(), Client: client,
		Informers: informers.NewSharedInformerFactory(client, 0), Recorder: events.NewFakeRecorder(100),
	}
	settings := configv1.KubeSchedulerProfile{}
	if args != nil {
		settings.PluginConfig = []configv1.PluginConfig{{Name: name, Args: runtime.RawExtension{Object: args}}}
	}
	fakes := []config.Setting{{Name: "sort"}, {Name: name, Weight: 1}, {Name: "binder"}}
	p, err := profile.New(context.Background(), profile.Config{
		Name: v1.DefaultSchedulerName, Settings: config.NewSettings(fakes, nil), Parallelism: 1,
		Args: func(plugin string) (runtime.Object, error) { return config.Args(&settings, plugin) },
		Factories: map[string]profile.Factory{
			name: func(ctx context.Context, args runtime.Object, h framework.Handle) (framework.Plugin, error) {
				plugin, err := factory(ctx, args, h)
				e.Plugin = plugin
				return plugin, err
			},
			"sort":   simple(sorter{}),
			"binder": simple(binder{}),
		},
		Snapshot: e.Snapshot, Nominator: e.Nominator, Waiting: profile.NewWaiting(), Client: client,
		Informers: e.Informers, Recorder: e.Recorder,
		Activate: func(context.Context, map[string]*v1.Pod) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Profile = p
	return e
}

func simple(p framework.Plugin) profile.Factory {
	return func(context.Context, runtime.Object, framework.Handle) (framework.Plugin, error) { return p, nil }
}

type sorter struct{}

func (sorter) Name() string { return "sort" }

func (sorter) Less(a, b framework.QueuedPodInfo) bool {
	return a.GetTimestamp().Before(b.GetTimestamp())
}

type binder struct{}

func (binder) Name() string { return "binder" }

func (binder) Bind(context.Context, framework.CycleState, *v1.Pod, string) *framework.Status {
	return nil
}

// Nodes adds nodes, and replaces those that are there.
func (e *Env) Nodes(nodes ...*v1.Node) *Env {
	for _, n := range nodes {
		e.Cache.SetNode(n)
	}
	return e.Refresh()
}

// Pods adds pods that have nodes, and replaces those that are there.
func (e *Env) Pods(pods ...*v1.Pod) *Env {
	e.T.Helper()
	for _, p := range pods {
		if err := e.Cache.SetPod(p); err != nil {
			e.T.Fatal(err)
		}
	}
	return e.Refresh()
}

// Refresh brings the snapshot up to date.
func (e *Env) Refresh() *Env {
	e.Cache.Update(e.Snapshot)
	return e
}

// Filter is each node's status for a pod: "" when it fits, else "Code: reasons". A pod that is turned down as a whole
// has one status under "*".
func (e *Env) Filter(pod *v1.Pod) map[string]string {
	e.T.Helper()
	state := profile.NewCycleState()
	result, _, status := e.Profile.RunPreFilterPlugins(context.Background(), state, pod)
	if !status.IsSuccess() {
		return map[string]string{"*": Text(status)}
	}
	return e.FilterIn(state, result, pod)
}

// FilterIn is Filter in a cycle that has begun.
func (e *Env) FilterIn(state framework.CycleState, result *framework.PreFilterResult, pod *v1.Pod) map[string]string {
	e.T.Helper()
	nodes, err := e.Snapshot.List()
	if err != nil {
		e.T.Fatal(err)
	}
	statuses := map[string]string{}
	for _, n := range nodes {
		name := n.Node().Name
		if !result.AllNodes() && !result.NodeNames.Has(name) {
			statuses[name] = "not looked at"
			continue
		}
		statuses[name] = Text(e.Profile.RunFilterPluginsWithNominatedPods(context.Background(), state, pod, n))
	}
	return statuses
}

// Scores is each node's normalized score for a pod; nil when scoring is skipped.
func (e *Env) Scores(pod *v1.Pod) map[string]int64 {
	e.T.Helper()
	ctx, state := context.Background(), profile.NewCycleState()
	nodes, err := e.Snapshot.List()
	if err != nil {
		e.T.Fatal(err)
	}
	if status := e.Profile.RunPreScorePlugins(ctx, state, pod, nodes); !status.IsSuccess() {
		e.T.Fatal(Text(status))
	}
	scores, status := e.Profile.RunScorePlugins(ctx, state, pod, nodes)
	if !status.IsSuccess() {
		e.T.Fatal(Text(status))
	}
	var byNode map[string]int64
	for _, s := range scores {
		if len(s.Scores) == 0 {
			continue
		}
		if byNode == nil {
			byNode = map[string]int64{}
		}
		byNode[s.Name] = s.TotalScore
	}
	return byNode
}

// Hint is what the plugin says to an event for a pod that it has turned down: "Queue", "QueueSkip", or "not registered".
func (e *Env) Hint(pod *v1.Pod, resource framework.EventResource, action framework.ActionType, oldObj, newObj any) string {
	e.T.Helper()
	registered, err := e.Plugin.(framework.EnqueueExtensions).EventsToRegister(context.Background())
	if err != nil {
		e.T.Fatal(err)
	}
	for _, r := range registered {
		if r.Event.Resource != resource || r.Event.ActionType&action == 0 {
			continue
		}
		if r.QueueingHintFn == nil {
			return framework.Queue.String()
		}
		hint, err := r.QueueingHintFn(klog.Background(), pod, oldObj, newObj)
		if err != nil {
			return "error: " + err.Error()
		}
		return hint.String()
	}
	return "not registered"
}

// Text is "Code: reasons", or "" for a success.
func Text(status *framework.Status) string {
	if status.IsSuccess() {
		return ""
	}
	return status.Code().String() + ": " + strings.Join(status.Reasons(), "; ")
}

// Pod is a pending pod in namespace default; yaml adds to it.
func Pod(t testing.TB, name, yaml string) *v1.Pod {
	t.Helper()
	p := &v1.Pod{}
	p.Namespace, p.Name, p.UID, p.Generation = "default", name, types.UID(name), 1
	p.Spec.SchedulerName = v1.DefaultSchedulerName
	Fill(t, p, yaml)
	return p
}

// Node is a node with 4 cores, 8 GiB and room for 10 pods; yaml adds to it.
func Node(t testing.TB, name, yaml string) *v1.Node {
	t.Helper()
	n := &v1.Node{}
	Fill(t, n, "status: {allocatable: {cpu: '4', memory: 8Gi, pods: '10'}}")
	Fill(t, n, yaml)
	n.Name, n.UID = name, types.UID(name)
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	n.Labels[v1.LabelHostname] = name
	return n
}

// Fill adds YAML to an object.
func Fill(t testing.TB, obj any, text string) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
		t.Fatal(fmt.Errorf("%w in\n%s", err, text))
	}
}
