package podtopologyspread

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	appslisters "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	clientcache "k8s.io/client-go/tools/cache"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/domains"
)

// Name is the plugin's name in configurations.
const Name = "PodTopologySpread"

// maxClasses bounds how many questions the plugin keeps the answers to.
const maxClasses = 64

// Plugin spreads pods.
type Plugin struct {
	handle framework.Handle
	// defaults are the constraints of pods that have none; system says that nobody configured them.
	defaults []v1.TopologySpreadConstraint
	system   bool

	services     clientcache.Indexer // has bySelector
	controllers  corelisters.ReplicationControllerLister
	replicaSets  appslisters.ReplicaSetLister
	statefulSets appslisters.StatefulSetLister
	synced       []clientcache.DoneChecker

	// classes belongs to the goroutine that runs cycles.
	classes *domains.Memo[*class]

	tooUneven, noDomain *framework.Status
}

var (
	_ framework.PreFilterPlugin     = &Plugin{}
	_ framework.PreFilterExtensions = &Plugin{}
	_ framework.FilterPlugin        = &Plugin{}
	_ framework.PreScorePlugin      = &Plugin{}
	_ framework.ScorePlugin         = &Plugin{}
	_ framework.EnqueueExtensions   = &Plugin{}
)

// systemDefaults are the constraints that Kubernetes documents for pods without any: spread over nodes, and somewhat
// over zones.
func systemDefaults() []v1.TopologySpreadConstraint {
	return []v1.TopologySpreadConstraint{
		{TopologyKey: v1.LabelHostname, WhenUnsatisfiable: v1.ScheduleAnyway, MaxSkew: 3},
		{TopologyKey: v1.LabelTopologyZone, WhenUnsatisfiable: v1.ScheduleAnyway, MaxSkew: 5},
	}
}

// New makes the plugin from *PodTopologySpreadArgs.
func New(_ context.Context, obj runtime.Object, handle framework.Handle) (framework.Plugin, error) {
	args, ok := obj.(*configv1.PodTopologySpreadArgs)
	if !ok {
		return nil, fmt.Errorf("want PodTopologySpreadArgs, got %T", obj)
	}
	p := &Plugin{
		handle:    handle,
		defaults:  args.DefaultConstraints,
		system:    args.DefaultingType == configv1.SystemDefaulting,
		classes:   domains.NewMemo[*class](maxClasses),
		tooUneven: framework.NewStatus(framework.Unschedulable, "node(s) didn't match pod topology spread constraints").WithPlugin(Name),
		noDomain: framework.NewStatus(framework.UnschedulableAndUnresolvable,
			"node(s) didn't match pod topology spread constraints (missing required label)").WithPlugin(Name),
	}
	if p.system {
		p.defaults = systemDefaults()
	}
	if len(p.defaults) > 0 {
		if err := p.watchOwners(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// watchOwners gets what default constraints take their selectors from.
func (p *Plugin) watchOwners() error {
	core, apps := p.handle.SharedInformerFactory().Core().V1(), p.handle.SharedInformerFactory().Apps().V1()
	services := core.Services().Informer()
	// Another profile may have added the index.
	if _, ok := services.GetIndexer().GetIndexers()[bySelector]; !ok {
		if err := services.AddIndexers(clientcache.Indexers{bySelector: selectorKeys}); err != nil {
			return fmt.Errorf("index services by selector: %w", err)
		}
	}
	p.services = services.GetIndexer()
	p.controllers = core.ReplicationControllers().Lister()
	p.replicaSets = apps.ReplicaSets().Lister()
	p.statefulSets = apps.StatefulSets().Lister()
	for _, informer := range []clientcache.SharedIndexInformer{
		services, core.ReplicationControllers().Informer(),
		apps.ReplicaSets().Informer(), apps.StatefulSets().Informer(),
	} {
		p.synced = append(p.synced, informer.HasSyncedChecker())
	}
	return nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// Synced are the states of the informers that the plugin reads.
func (p *Plugin) Synced() []clientcache.DoneChecker { return p.synced }
