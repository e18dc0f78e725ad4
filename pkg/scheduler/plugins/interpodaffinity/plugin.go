package interpodaffinity

import (
	"context"
	"fmt"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	corelisters "k8s.io/client-go/listers/core/v1"
	clientcache "k8s.io/client-go/tools/cache"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/domains"
)

// Name is the plugin's name in configurations.
const Name = "InterPodAffinity"

// maxClasses bounds how many questions the plugin keeps the answers to.
const maxClasses = 64

// Plugin puts pods together and keeps them apart.
type Plugin struct {
	handle     framework.Handle
	namespaces corelisters.NamespaceLister
	synced     clientcache.DoneChecker
	// hardWeight is what an existing pod's required affinity to a pod counts when nodes are ranked for that.
	hardWeight      int64
	ignorePreferred bool

	// namespacesChanged grows whenever a namespace's labels may have changed, on which namespace selectors depend.
	namespacesChanged atomic.Int64
	// What follows belongs to the goroutine that runs cycles.

	seenNamespaces int64
	asked          askedKeys
	filterClasses  *domains.Memo[*filterClass]
	scoreClasses   *domains.Memo[*scoreClass]

	noAffinity, noAntiAffinity, noExistingAntiAffinity *framework.Status
}

var (
	_ framework.PreFilterPlugin     = &Plugin{}
	_ framework.PreFilterExtensions = &Plugin{}
	_ framework.FilterPlugin        = &Plugin{}
	_ framework.PreScorePlugin      = &Plugin{}
	_ framework.ScorePlugin         = &Plugin{}
	_ framework.EnqueueExtensions   = &Plugin{}
)

// New makes the plugin from *InterPodAffinityArgs.
func New(_ context.Context, obj runtime.Object, handle framework.Handle) (framework.Plugin, error) {
	args, ok := obj.(*configv1.InterPodAffinityArgs)
	if !ok || args.HardPodAffinityWeight == nil {
		return nil, fmt.Errorf("want defaulted InterPodAffinityArgs, got %T", obj)
	}
	p := &Plugin{
		handle:          handle,
		hardWeight:      int64(*args.HardPodAffinityWeight),
		ignorePreferred: args.IgnorePreferredTermsOfExistingPods,
		filterClasses:   domains.NewMemo[*filterClass](maxClasses),
		scoreClasses:    domains.NewMemo[*scoreClass](maxClasses),
		noAffinity: framework.NewStatus(framework.UnschedulableAndUnresolvable,
			"node(s) didn't match pod affinity rules").WithPlugin(Name),
		noAntiAffinity: framework.NewStatus(framework.Unschedulable,
			"node(s) didn't match pod anti-affinity rules").WithPlugin(Name),
		noExistingAntiAffinity: framework.NewStatus(framework.Unschedulable,
			"node(s) didn't satisfy existing pods anti-affinity rules").WithPlugin(Name),
	}
	namespaces := handle.SharedInformerFactory().Core().V1().Namespaces()
	p.namespaces = namespaces.Lister()
	changed := func() { p.namespacesChanged.Add(1) }
	registration, err := namespaces.Informer().AddEventHandler(clientcache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(old, obj any) { changed() },
		DeleteFunc: func(any) { changed() },
	})
	if err != nil {
		return nil, fmt.Errorf("watch namespaces: %w", err)
	}
	p.synced = registration.HasSyncedChecker()
	return p, nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// Synced is the namespace informer's state.
func (p *Plugin) Synced() []clientcache.DoneChecker { return []clientcache.DoneChecker{p.synced} }

// forgetIfNamespacesChanged drops kept counts that may rest on labels of namespaces that have changed.
func (p *Plugin) forgetIfNamespacesChanged() {
	if now := p.namespacesChanged.Load(); now != p.seenNamespaces {
		p.seenNamespaces = now
		p.filterClasses.Clear()
		p.scoreClasses.Clear()
	}
}

// namespaceLabels are the labels of a namespace; none when it is not known.
func (p *Plugin) namespaceLabels(name string) (labels.Set, error) {
	ns, err := p.namespaces.Get(name)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get namespace %q: %w", name, err)
	}
	return ns.Labels, nil
}

// resolve replaces a term's namespace selector by the namespaces that it selects now.
func (p *Plugin) resolve(term *framework.AffinityTerm) error {
	if _, selectable := term.NamespaceSelector.Requirements(); !selectable {
		return nil
	}
	selected, err := p.namespaces.List(term.NamespaceSelector)
	if err != nil {
		return fmt.Errorf("list namespaces: %w", err)
	}
	names := term.Namespaces.Clone()
	for _, ns := range selected {
		names.Insert(ns.Name)
	}
	term.Namespaces = names
	term.NamespaceSelector = labels.Nothing()
	return nil
}
