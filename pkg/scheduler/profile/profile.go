package profile

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/kube-scheduler/framework"

	schedulercache "github.com/proa-sh/proa/pkg/scheduler/cache"
	"github.com/proa-sh/proa/pkg/scheduler/config"
	"github.com/proa-sh/proa/pkg/scheduler/queue"
)

// Factory makes a plugin from its defaulted arguments, which are nil when it takes none.
type Factory func(ctx context.Context, args runtime.Object, handle framework.Handle) (framework.Plugin, error)

// Config is what a profile is made of.
type Config struct {
	// Name is the scheduler name by which pods choose the profile.
	Name string
	// Settings say which plugins run where.
	Settings config.Settings
	// Args are a plugin's arguments.
	Args func(plugin string) (runtime.Object, error)
	// Factories make the plugins.
	Factories map[string]Factory
	// Parallelism bounds how many cores one cycle uses.
	Parallelism int
	// PercentageOfNodesToScore is how many of the nodes are searched for feasible ones; 0 chooses by cluster size.
	PercentageOfNodesToScore int32

	// Snapshot is updated by its owner between cycles.
	Snapshot  *schedulercache.Snapshot
	Nominator *queue.Nominator
	Waiting   *Waiting
	Client    kubernetes.Interface
	Informers informers.SharedInformerFactory
	Recorder  events.EventRecorderLogger
	// Activate makes the queue try pods at once.
	Activate func(ctx context.Context, pods map[string]*v1.Pod)
}

// Profile is a set of plugins in order.
type Profile struct {
	*queue.Nominator
	config       Config
	parallelizer parallelizer

	plugins    map[string]framework.Plugin
	preEnqueue []framework.PreEnqueuePlugin
	queueSort  []framework.QueueSortPlugin
	preFilter  []framework.PreFilterPlugin
	filter     []framework.FilterPlugin
	postFilter []framework.PostFilterPlugin
	preScore   []framework.PreScorePlugin
	score      []scorePlugin
	reserve    []framework.ReservePlugin
	permit     []framework.PermitPlugin
	preBind    []framework.PreBindPlugin
	bind       []framework.BindPlugin
	postBind   []framework.PostBindPlugin

	// What follows belongs to the goroutine that runs cycles.

	random   *rand.Rand
	nextNode int
	scratch  scratch
}

type scorePlugin struct {
	framework.ScorePlugin
	weight int64
}

var _ framework.Handle = &Profile{}

// New makes a profile and its plugins. It returns every fault of the settings.
func New(ctx context.Context, cfg Config) (*Profile, error) {
	p := &Profile{
		Nominator:    cfg.Nominator,
		config:       cfg,
		parallelizer: newParallelizer(cfg.Parallelism),
		plugins:      map[string]framework.Plugin{},
		random:       rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
	}
	var faults []error
	for _, name := range cfg.Settings.Names() {
		if err := p.make(ctx, name); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) == 0 {
		faults = p.place()
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("make profile %q: %w", cfg.Name, errors.Join(faults...))
	}
	return p, nil
}

func (p *Profile) make(ctx context.Context, name string) error {
	factory, ok := p.config.Factories[name]
	if !ok {
		return fmt.Errorf("plugin %q is not known", name)
	}
	args, err := p.config.Args(name)
	if err != nil {
		return err
	}
	plugin, err := factory(ctx, args, p)
	if err != nil {
		return fmt.Errorf("make plugin %q: %w", name, err)
	}
	p.plugins[name] = plugin
	return nil
}

// place puts the plugins into the lists of the extension points.
func (p *Profile) place() []error {
	var faults []error
	s := p.config.Settings
	p.preEnqueue = pick[framework.PreEnqueuePlugin](p.plugins, s, config.PreEnqueue, &faults)
	p.queueSort = pick[framework.QueueSortPlugin](p.plugins, s, config.QueueSort, &faults)
	p.preFilter = pick[framework.PreFilterPlugin](p.plugins, s, config.PreFilter, &faults)
	p.filter = pick[framework.FilterPlugin](p.plugins, s, config.Filter, &faults)
	p.postFilter = pick[framework.PostFilterPlugin](p.plugins, s, config.PostFilter, &faults)
	p.preScore = pick[framework.PreScorePlugin](p.plugins, s, config.PreScore, &faults)
	p.reserve = pick[framework.ReservePlugin](p.plugins, s, config.Reserve, &faults)
	p.permit = pick[framework.PermitPlugin](p.plugins, s, config.Permit, &faults)
	p.preBind = pick[framework.PreBindPlugin](p.plugins, s, config.PreBind, &faults)
	p.bind = pick[framework.BindPlugin](p.plugins, s, config.Bind, &faults)
	p.postBind = pick[framework.PostBindPlugin](p.plugins, s, config.PostBind, &faults)
	for _, setting := range s.At(config.Score, implements[framework.ScorePlugin](p.plugins)) {
		plugin, ok := p.plugins[setting.Name].(framework.ScorePlugin)
		if !ok {
			faults = append(faults, fmt.Errorf("plugin %q does not extend %s", setting.Name, config.Score))
			continue
		}
		p.score = append(p.score, scorePlugin{ScorePlugin: plugin, weight: int64(max(setting.Weight, 1))})
	}
	if len(p.queueSort) != 1 {
		faults = append(faults, fmt.Errorf("%d plugins enabled at queueSort, want 1", len(p.queueSort)))
	}
	if len(p.bind) == 0 {
		faults = append(faults, errors.New("no plugin enabled at bind"))
	}
	return faults
}

func implements[T framework.Plugin](plugins map[string]framework.Plugin) func(string) bool {
	return func(name string) bool {
		_, ok := plugins[name].(T)
		return ok
	}
}

func pick[T framework.Plugin](plugins map[string]framework.Plugin, s config.Settings, point config.Point, faults *[]error) []T {
	var picked []T
	for _, setting := range s.At(point, implements[T](plugins)) {
		plugin, ok := plugins[setting.Name].(T)
		if !ok {
			*faults = append(*faults, fmt.Errorf("plugin %q does not extend %s", setting.Name, point))
			continue
		}
		picked = append(picked, plugin)
	}
	return picked
}

// Less orders pods in the queue.
func (p *Profile) Less(a, b framework.QueuedPodInfo) bool { return p.queueSort[0].Less(a, b) }

// Hints are the events by which each plugin that can turn a pod down wants it tried again. A plugin that does not say
// hears of everything.
func (p *Profile) Hints(ctx context.Context) (queue.Hints, error) {
	hints := queue.Hints{}
	for name, plugin := range p.plugins {
		extension, ok := plugin.(framework.EnqueueExtensions)
		if !ok {
			hints[name] = []framework.ClusterEventWithHint{{Event: framework.ClusterEvent{Resource: framework.WildCard, ActionType: framework.All}}}
			continue
		}
		registered, err := extension.EventsToRegister(ctx)
		if err != nil {
			return nil, fmt.Errorf("get events of plugin %q: %w", name, err)
		}
		hints[name] = registered
	}
	return hints, nil
}

// Syncer is a plugin that reads informers, which must be in sync before it is asked anything.
type Syncer interface {
	Synced() []cache.DoneChecker
}

// Synced are the informers that the plugins read.
func (p *Profile) Synced() []cache.DoneChecker {
	var checkers []cache.DoneChecker
	for _, plugin := range p.plugins {
		if s, ok := plugin.(Syncer); ok {
			checkers = append(checkers, s.Synced()...)
		}
	}
	return checkers
}
