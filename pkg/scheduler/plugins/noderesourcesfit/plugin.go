package noderesourcesfit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// Name is the plugin's name in configurations.
const Name = "NodeResourcesFit"

const (
	filterKey framework.StateKey = "PreFilter" + Name
	scoreKey  framework.StateKey = "PreScore" + Name
)

// Plugin checks and ranks nodes by their free resources.
type Plugin struct {
	ignored       []string
	ignoredGroups []string
	scorer        scorer
	// rejections are the statuses for every set of missing resources (lack), shared by all nodes and cycles.
	rejections [lackAll + 1]*framework.Status
}

var (
	_ framework.PreFilterPlugin   = &Plugin{}
	_ framework.FilterPlugin      = &Plugin{}
	_ framework.PreScorePlugin    = &Plugin{}
	_ framework.ScorePlugin       = &Plugin{}
	_ framework.EnqueueExtensions = &Plugin{}
)

// New makes the plugin from *NodeResourcesFitArgs.
func New(_ context.Context, obj runtime.Object, _ framework.Handle) (framework.Plugin, error) {
	args, ok := obj.(*configv1.NodeResourcesFitArgs)
	if !ok {
		return nil, fmt.Errorf("want NodeResourcesFitArgs, got %T", obj)
	}
	scorer, err := newScorer(args.ScoringStrategy)
	if err != nil {
		return nil, err
	}
	p := &Plugin{ignored: args.IgnoredResources, ignoredGroups: args.IgnoredResourceGroups, scorer: scorer}
	for l := range p.rejections {
		p.rejections[l] = lack(l).status()
	}
	return p, nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// request is what the pod of a cycle requests.
type request struct{ cache.Resource }

// Clone returns the request itself, which no one changes.
func (r *request) Clone() framework.StateData { return r }

// PreFilter adds up the pod's requests.
func (*Plugin) PreFilter(_ context.Context, state framework.CycleState, pod *v1.Pod, _ []framework.NodeInfo) (*framework.PreFilterResult, *framework.Status) {
	state.Write(filterKey, &request{Resource: cache.NewResource(cache.Requests(pod))})
	return nil, nil
}

// PreFilterExtensions is nil: a pod's requests do not depend on other pods.
func (*Plugin) PreFilterExtensions() framework.PreFilterExtensions { return nil }

// Filter turns a node down on which the pod's requests do not fit.
func (p *Plugin) Filter(_ context.Context, state framework.CycleState, _ *v1.Pod, node framework.NodeInfo) *framework.Status {
	data, err := state.Read(filterKey)
	if err != nil {
		return framework.AsStatus(err)
	}
	r := &data.(*request).Resource
	lacking := missing(r, node)
	if len(r.ScalarResources) > 0 {
		if scalars, never := p.missingScalars(r, node); len(scalars) > 0 {
			return scalarRejection(lacking, scalars, never)
		}
	}
	if lacking == 0 {
		return nil
	}
	return p.rejections[lacking]
}

// lack is a set of the resources of which a node has too little left.
type lack int

const (
	lackPods lack = 1 << iota
	lackCPU
	lackMemory
	lackStorage
	// lackEver is set when the node would have too little even if it were empty.
	lackEver
	lackAll = 1<<iota - 1
)

// missing finds what the pod lacks on a node. A resource that it does not request is never missing, even when the node
// is overcommitted.
func missing(r *cache.Resource, node framework.NodeInfo) lack {
	var l lack
	used, total := node.GetRequested(), node.GetAllocatable()
	if len(node.GetPods())+1 > total.GetAllowedPodNumber() {
		l |= lackPods
	}
	l |= short(lackCPU, r.MilliCPU, used.GetMilliCPU(), total.GetMilliCPU())
	l |= short(lackMemory, r.Memory, used.GetMemory(), total.GetMemory())
	l |= short(lackStorage, r.EphemeralStorage, used.GetEphemeralStorage(), total.GetEphemeralStorage())
	return l
}

func short(which lack, wanted, used, total int64) lack {
	switch {
	case wanted <= 0 || wanted <= total-used:
		return 0
	case wanted > total:
		return which | lackEver
	default:
		return which
	}
}

// missingScalars names the extended resources and the like that the pod lacks on a node.
func (p *Plugin) missingScalars(r *cache.Resource, node framework.NodeInfo) (names []string, never bool) {
	used, total := node.GetRequested().GetScalarResources(), node.GetAllocatable().GetScalarResources()
	for name, wanted := range r.ScalarResources {
		if wanted <= 0 || p.ignores(string(name)) {
			continue
		}
		if wanted > total[name]-used[name] {
			names = append(names, string(name))
			never = never || wanted > total[name]
		}
	}
	slices.Sort(names)
	return names, never
}

// ignores tells whether an extended resource is configured to be left to others.
func (p *Plugin) ignores(name string) bool {
	group, _, _ := strings.Cut(name, "/")
	return slices.Contains(p.ignored, name) || slices.Contains(p.ignoredGroups, group)
}

func (l lack) reasons() []string {
	var reasons []string
	for bit, reason := range map[lack]string{
		lackPods: "Too many pods", lackCPU: "Insufficient cpu",
		lackMemory: "Insufficient memory", lackStorage: "Insufficient ephemeral-storage",
	} {
		if l&bit != 0 {
			reasons = append(reasons, reason)
		}
	}
	slices.Sort(reasons)
	return reasons
}

func (l lack) status() *framework.Status {
	code := framework.Unschedulable
	if l&lackEver != 0 {
		code = framework.UnschedulableAndUnresolvable
	}
	return framework.NewStatus(code, l.reasons()...).WithPlugin(Name)
}

func scalarRejection(l lack, scalars []string, never bool) *framework.Status {
	if never {
		l |= lackEver
	}
	status := l.status()
	for _, name := range scalars {
		status.AppendReason("Insufficient " + name)
	}
	return status
}
