package nodeaffinity

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"
)

// Name is the plugin's name in configurations.
const Name = "NodeAffinity"

const (
	filterKey framework.StateKey = "PreFilter" + Name
	scoreKey  framework.StateKey = "PreScore" + Name
)

// Plugin matches pods with nodes by labels.
type Plugin struct {
	// added holds for all pods beside their own; both may be nil.
	added          *nodeaffinity.NodeSelector
	addedPreferred *nodeaffinity.PreferredSchedulingTerms

	rejection, addedRejection, conflict *framework.Status
}

var (
	_ framework.PreFilterPlugin   = &Plugin{}
	_ framework.FilterPlugin      = &Plugin{}
	_ framework.PreScorePlugin    = &Plugin{}
	_ framework.ScorePlugin       = &Plugin{}
	_ framework.EnqueueExtensions = &Plugin{}
)

// New makes the plugin from *NodeAffinityArgs.
func New(_ context.Context, obj runtime.Object, _ framework.Handle) (framework.Plugin, error) {
	args, ok := obj.(*configv1.NodeAffinityArgs)
	if !ok {
		return nil, fmt.Errorf("want NodeAffinityArgs, got %T", obj)
	}
	rejected := func(reason string) *framework.Status {
		return framework.NewStatus(framework.UnschedulableAndUnresolvable, reason).WithPlugin(Name)
	}
	p := &Plugin{
		rejection:      rejected("node(s) didn't match Pod's node affinity/selector"),
		addedRejection: rejected("node(s) didn't match scheduler-enforced node affinity"),
		conflict:       rejected("pod affinity terms conflict"),
	}
	return p, p.add(args.AddedAffinity)
}

func (p *Plugin) add(affinity *v1.NodeAffinity) error {
	if affinity == nil {
		return nil
	}
	var err error
	if required := affinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		if p.added, err = nodeaffinity.NewNodeSelector(required); err != nil {
			return fmt.Errorf("parse addedAffinity: %w", err)
		}
	}
	if preferred := affinity.PreferredDuringSchedulingIgnoredDuringExecution; len(preferred) > 0 {
		if p.addedPreferred, err = nodeaffinity.NewPreferredSchedulingTerms(preferred); err != nil {
			return fmt.Errorf("parse addedAffinity: %w", err)
		}
	}
	return nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// required is the parsed affinity of the pod of a cycle.
type required struct {
	nodeaffinity.RequiredNodeAffinity
}

// Clone returns the affinity itself, which no one changes.
func (r *required) Clone() framework.StateData { return r }

func requiredOf(pod *v1.Pod) *v1.NodeSelector {
	if a := pod.Spec.Affinity; a != nil && a.NodeAffinity != nil {
		return a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	return nil
}

// PreFilter parses the pod's affinity, and finds the nodes that it names if it does.
func (p *Plugin) PreFilter(_ context.Context, state framework.CycleState, pod *v1.Pod, _ []framework.NodeInfo) (*framework.PreFilterResult, *framework.Status) {
	selector := requiredOf(pod)
	if p.added == nil && selector == nil && len(pod.Spec.NodeSelector) == 0 {
		return nil, framework.NewStatus(framework.Skip)
	}
	state.Write(filterKey, &required{nodeaffinity.GetRequiredNodeAffinity(pod)})
	names, named := namedNodes(selector)
	switch {
	case !named:
		return nil, nil
	case len(names) == 0:
		return nil, p.conflict
	default:
		return &framework.PreFilterResult{NodeNames: names}, nil
	}
}

// namedNodes are the nodes that a selector names by metadata.name; false if some term names none, so that any node may
// match it.
func namedNodes(selector *v1.NodeSelector) (sets.Set[string], bool) {
	if selector == nil || len(selector.NodeSelectorTerms) == 0 {
		return nil, false
	}
	all := sets.New[string]()
	for i := range selector.NodeSelectorTerms {
		var names sets.Set[string]
		for _, r := range selector.NodeSelectorTerms[i].MatchFields {
			if r.Key != "metadata.name" || r.Operator != v1.NodeSelectorOpIn {
				continue
			}
			if of := sets.New(r.Values...); names == nil {
				names = of
			} else {
				names = names.Intersection(of)
			}
		}
		if names == nil {
			return nil, false
		}
		all = all.Union(names)
	}
	return all, true
}

// PreFilterExtensions is nil: node affinity does not depend on other pods.
func (*Plugin) PreFilterExtensions() framework.PreFilterExtensions { return nil }

// Filter turns a node down that does not match.
func (p *Plugin) Filter(_ context.Context, state framework.CycleState, pod *v1.Pod, node framework.NodeInfo) *framework.Status {
	if p.added != nil && !p.added.Match(node.Node()) {
		return p.addedRejection
	}
	var affinity nodeaffinity.RequiredNodeAffinity
	if data, err := state.Read(filterKey); err == nil {
		affinity = data.(*required).RequiredNodeAffinity
	} else {
		affinity = nodeaffinity.GetRequiredNodeAffinity(pod)
	}
	// A term that cannot be parsed matches no node; that is a fault of the pod, not of the cycle.
	if match, _ := affinity.Match(node.Node()); !match {
		return p.rejection
	}
	return nil
}

// preferred are the parsed preferred terms of the pod of a cycle.
type preferred struct {
	*nodeaffinity.PreferredSchedulingTerms
}

// Clone returns the terms themselves, which no one changes.
func (t *preferred) Clone() framework.StateData { return t }

// PreScore parses the pod's preferred terms, and skips pods without any.
func (p *Plugin) PreScore(_ context.Context, state framework.CycleState, pod *v1.Pod, _ []framework.NodeInfo) *framework.Status {
	var own []v1.PreferredSchedulingTerm
	if a := pod.Spec.Affinity; a != nil && a.NodeAffinity != nil {
		own = a.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution
	}
	if len(own) == 0 && p.addedPreferred == nil {
		return framework.NewStatus(framework.Skip)
	}
	t := &preferred{}
	if len(own) > 0 {
		terms, err := nodeaffinity.NewPreferredSchedulingTerms(own)
		if err != nil {
			return framework.AsStatus(fmt.Errorf("parse preferred node affinity: %w", err))
		}
		t.PreferredSchedulingTerms = terms
	}
	state.Write(scoreKey, t)
	return nil
}

// Score adds up the weights of the preferred terms that a node matches.
func (p *Plugin) Score(_ context.Context, state framework.CycleState, _ *v1.Pod, node framework.NodeInfo) (int64, *framework.Status) {
	var score int64
	if p.addedPreferred != nil {
		score += p.addedPreferred.Score(node.Node())
	}
	data, err := state.Read(scoreKey)
	if err != nil {
		return 0, framework.AsStatus(err)
	}
	if t := data.(*preferred); t.PreferredSchedulingTerms != nil {
		score += t.Score(node.Node())
	}
	return score, nil
}

// EventsToRegister are a node that comes or changes its labels.
func (p *Plugin) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	return []framework.ClusterEventWithHint{{
		Event:          framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add | framework.UpdateNodeLabel},
		QueueingHintFn: p.afterNodeChange,
	}}, nil
}

// afterNodeChange helps if the node matches now and did not before.
func (p *Plugin) afterNodeChange(_ klog.Logger, pod *v1.Pod, oldObj, newObj any) (framework.QueueingHint, error) {
	node, ok := newObj.(*v1.Node)
	if !ok {
		return framework.Queue, fmt.Errorf("want a node, got %T", newObj)
	}
	affinity := nodeaffinity.GetRequiredNodeAffinity(pod)
	match, err := p.matches(affinity, node)
	if err != nil || !match {
		return framework.QueueSkip, err
	}
	if before, ok := oldObj.(*v1.Node); ok {
		if matched, err := p.matches(affinity, before); err != nil || matched {
			return framework.QueueSkip, err
		}
	}
	return framework.Queue, nil
}

func (p *Plugin) matches(affinity nodeaffinity.RequiredNodeAffinity, node *v1.Node) (bool, error) {
	if p.added != nil && !p.added.Match(node) {
		return false, nil
	}
	return affinity.Match(node)
}
