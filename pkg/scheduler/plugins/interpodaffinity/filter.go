package interpodaffinity

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/domains"
)

const filterKey framework.StateKey = "PreFilter" + Name

// counts are the numbers of pods per domain that matter to whether a class of pods may be there.
type counts struct {
	// affinity counts pods that match all of the class's required affinity terms, in each term's domain.
	affinity *domains.Counts
	// antiAffinity counts pods that match one of its required anti-affinity terms, in that term's domain.
	antiAffinity *domains.Counts
	// existing counts required anti-affinity terms of other pods that match the class.
	existing *domains.Counts
}

// filterClass keeps the counts of one class.
type filterClass struct {
	question *question
	counts
	cursor domains.Cursor
}

var _ domains.Tracker = &filterClass{}

// Reset forgets all counts.
func (c *filterClass) Reset() {
	c.counts = counts{affinity: domains.NewCounts(), antiAffinity: domains.NewCounts(), existing: domains.NewCounts()}
}

// CountNode counts a node's pods.
func (c *filterClass) CountNode(node framework.NodeInfo, sign int64) {
	if len(c.question.affinity)+len(c.question.antiAffinity) > 0 {
		for _, pod := range node.GetPods() {
			c.counts.addAsked(c.question, node.Node(), pod.GetPod(), sign)
		}
	}
	for _, pod := range node.GetPodsWithRequiredAntiAffinity() {
		c.counts.addExisting(c.question, node.Node(), pod, sign)
	}
}

// CountPods counts pods that came to a node.
func (c *filterClass) CountPods(node framework.NodeInfo, added []framework.PodInfo) {
	for _, pod := range added {
		c.counts.add(c.question, node.Node(), pod, 1)
	}
}

// add counts a pod for all that it may matter to.
func (c *counts) add(q *question, node *v1.Node, pod framework.PodInfo, sign int64) {
	c.addAsked(q, node, pod.GetPod(), sign)
	c.addExisting(q, node, pod, sign)
}

// addAsked counts a pod that the question's terms may mean.
func (c *counts) addAsked(q *question, node *v1.Node, pod *v1.Pod, sign int64) {
	if matchesAll(q.affinity, pod) {
		for i := range q.affinity {
			addTo(c.affinity, node, q.affinity[i].TopologyKey, sign)
		}
	}
	for i := range q.antiAffinity {
		if q.antiAffinity[i].Matches(pod, nil) {
			addTo(c.antiAffinity, node, q.antiAffinity[i].TopologyKey, sign)
		}
	}
}

// addExisting counts a pod's terms that may mean the question's pods.
func (c *counts) addExisting(q *question, node *v1.Node, pod framework.PodInfo, sign int64) {
	terms := pod.GetRequiredAntiAffinityTerms()
	for i := range terms {
		if terms[i].Matches(q.pod, q.namespaceLabels) {
			addTo(c.existing, node, terms[i].TopologyKey, sign)
		}
	}
}

func addTo(c *domains.Counts, node *v1.Node, key string, n int64) {
	if value, ok := node.Labels[key]; ok {
		c.Add(domains.Domain{Key: key, Value: value}, n)
	}
}

// filterState is what Filter needs of a cycle's pod. Its question is shared; its counts become a copy when cloned.
type filterState struct {
	question *question
	counts
}

// Clone is a state whose counts may be changed.
func (s *filterState) Clone() framework.StateData {
	return &filterState{question: s.question, counts: counts{
		affinity: s.affinity.Overlay(), antiAffinity: s.antiAffinity.Overlay(), existing: s.existing.Overlay(),
	}}
}

func hasRequired(pod *v1.Pod) bool {
	a := pod.Spec.Affinity
	return a != nil && (a.PodAffinity != nil && len(a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution) > 0 ||
		a.PodAntiAffinity != nil && len(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution) > 0)
}

// PreFilter brings the counts of the pod's class up to date. It skips pods that ask nothing and are not kept out of any
// domain.
func (p *Plugin) PreFilter(_ context.Context, state framework.CycleState, pod *v1.Pod, _ []framework.NodeInfo) (*framework.PreFilterResult, *framework.Status) {
	lister := p.handle.SnapshotSharedLister()
	guarded, err := lister.NodeInfos().HavePodsWithRequiredAntiAffinityList()
	if err != nil {
		return nil, framework.AsStatus(fmt.Errorf("list nodes with anti-affinity: %w", err))
	}
	if len(guarded) == 0 && !hasRequired(pod) {
		return nil, framework.NewStatus(framework.Skip)
	}
	p.forgetIfNamespacesChanged()
	if err := p.updateKeys(lister); err != nil {
		return nil, framework.AsStatus(err)
	}
	key, err := classKey(pod, p.asked.keys)
	if err != nil {
		return nil, framework.AsStatus(err)
	}
	class, err := p.filterClasses.Get(key, func() (*filterClass, error) {
		q, err := p.ask(pod)
		if err != nil {
			return nil, err
		}
		return &filterClass{question: q}, nil
	})
	if err != nil {
		return nil, framework.NewStatus(framework.UnschedulableAndUnresolvable, fmt.Sprintf("parsing pod: %v", err)).WithPlugin(Name)
	}
	if err := class.cursor.Sync(lister, class); err != nil {
		return nil, framework.AsStatus(err)
	}
	if len(class.question.affinity)+len(class.question.antiAffinity) == 0 && class.existing.Empty() {
		return nil, framework.NewStatus(framework.Skip)
	}
	// Pods of a class may differ in labels that only a pod asks for that is added for the sake of argument.
	question := *class.question
	question.pod = pod
	state.Write(filterKey, &filterState{question: &question, counts: class.counts})
	return nil, nil
}

// PreFilterExtensions change the counts by one pod.
func (p *Plugin) PreFilterExtensions() framework.PreFilterExtensions { return p }

// AddPod counts a pod as if it were on the node.
func (p *Plugin) AddPod(_ context.Context, state framework.CycleState, _ *v1.Pod, added framework.PodInfo, node framework.NodeInfo) *framework.Status {
	return p.change(state, added, node, 1)
}

// RemovePod counts a pod as if it were not on the node.
func (p *Plugin) RemovePod(_ context.Context, state framework.CycleState, _ *v1.Pod, removed framework.PodInfo, node framework.NodeInfo) *framework.Status {
	return p.change(state, removed, node, -1)
}

func (p *Plugin) change(state framework.CycleState, pod framework.PodInfo, node framework.NodeInfo, sign int64) *framework.Status {
	data, err := state.Read(filterKey)
	if err != nil {
		return framework.AsStatus(err)
	}
	s := data.(*filterState)
	s.counts.add(s.question, node.Node(), pod, sign)
	return nil
}

// Filter turns a node down whose domains lack what the pod needs or have what it, or they, cannot bear.
func (p *Plugin) Filter(_ context.Context, state framework.CycleState, _ *v1.Pod, node framework.NodeInfo) *framework.Status {
	data, err := state.Read(filterKey)
	if err != nil {
		return framework.AsStatus(err)
	}
	s := data.(*filterState)
	labels := node.Node().Labels
	switch {
	case !s.affinityHolds(labels):
		return p.noAffinity
	case !s.antiAffinityHolds(labels):
		return p.noAntiAffinity
	case !s.existingHolds(labels):
		return p.noExistingAntiAffinity
	default:
		return nil
	}
}

// affinityHolds tells whether each term has a pod in the node's domain. The first of a group of pods with affinity to
// each other has none to join: it may go wherever the domains exist.
func (s *filterState) affinityHolds(labels map[string]string) bool {
	terms := s.question.affinity
	found := true
	for i := range terms {
		value, ok := labels[terms[i].TopologyKey]
		if !ok {
			return false
		}
		if s.affinity.Get(domains.Domain{Key: terms[i].TopologyKey, Value: value}) <= 0 {
			found = false
		}
	}
	return found || s.affinity.Empty() && matchesAll(terms, s.question.pod)
}

func (s *filterState) antiAffinityHolds(labels map[string]string) bool {
	for i := range s.question.antiAffinity {
		key := s.question.antiAffinity[i].TopologyKey
		if value, ok := labels[key]; ok && s.antiAffinity.Get(domains.Domain{Key: key, Value: value}) > 0 {
			return false
		}
	}
	return true
}

func (s *filterState) existingHolds(labels map[string]string) bool {
	if s.existing.Empty() {
		return true
	}
	for key, value := range labels {
		if s.existing.Get(domains.Domain{Key: key, Value: value}) > 0 {
			return false
		}
	}
	return true
}
