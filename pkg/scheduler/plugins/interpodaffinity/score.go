package interpodaffinity

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/domains"
)

const scoreKey framework.StateKey = "PreScore" + Name

// scoreClass keeps, for one class of pods, the weights for and against each domain.
type scoreClass struct {
	question
	hardWeight      int64
	ignorePreferred bool
	weights         *domains.Counts
	keys            map[string]int64
	cursor          domains.Cursor
}

var _ domains.Tracker = &scoreClass{}

// Reset forgets all weights.
func (c *scoreClass) Reset() {
	c.weights, c.keys = domains.NewCounts(), map[string]int64{}
}

// asksAll tells whether the class has terms of its own, which any pod may meet. Otherwise only pods with terms matter.
func (c *scoreClass) asksAll() bool {
	return len(c.preferredAffinity)+len(c.preferredAntiAffinity) > 0
}

// CountNode weighs a node's pods.
func (c *scoreClass) CountNode(node framework.NodeInfo, sign int64) {
	pods := node.GetPodsWithAffinity()
	if c.asksAll() {
		pods = node.GetPods()
	}
	for _, pod := range pods {
		c.add(node.Node(), pod, sign)
	}
}

// CountPods weighs pods that came to a node.
func (c *scoreClass) CountPods(node framework.NodeInfo, added []framework.PodInfo) {
	for _, pod := range added {
		c.add(node.Node(), pod, 1)
	}
}

// add weighs what the class's terms say about a pod, and what that pod's terms say about the class.
func (c *scoreClass) add(node *v1.Node, pod framework.PodInfo, sign int64) {
	asked := pod.GetPod()
	for i := range c.preferredAffinity {
		if t := &c.preferredAffinity[i]; t.Matches(asked, nil) {
			c.weigh(node, t.TopologyKey, sign*int64(t.Weight))
		}
	}
	for i := range c.preferredAntiAffinity {
		if t := &c.preferredAntiAffinity[i]; t.Matches(asked, nil) {
			c.weigh(node, t.TopologyKey, -sign*int64(t.Weight))
		}
	}
	if c.hardWeight > 0 {
		terms := pod.GetRequiredAffinityTerms()
		for i := range terms {
			if terms[i].Matches(c.pod, c.namespaceLabels) {
				c.weigh(node, terms[i].TopologyKey, sign*c.hardWeight)
			}
		}
	}
	if c.ignorePreferred && !c.asksAll() {
		return
	}
	c.addPreferred(node, pod.GetPreferredAffinityTerms(), sign)
	c.addPreferred(node, pod.GetPreferredAntiAffinityTerms(), -sign)
}

func (c *scoreClass) addPreferred(node *v1.Node, terms []framework.WeightedAffinityTerm, sign int64) {
	for i := range terms {
		if terms[i].Matches(c.pod, c.namespaceLabels) {
			c.weigh(node, terms[i].TopologyKey, sign*int64(terms[i].Weight))
		}
	}
}

func (c *scoreClass) weigh(node *v1.Node, key string, weight int64) {
	if weight == 0 {
		return
	}
	if value, ok := node.Labels[key]; ok {
		c.weights.Add(domains.Domain{Key: key, Value: value}, weight)
		c.keys[key]++
	}
}

// Clone returns the class itself, which is not changed during a cycle.
func (c *scoreClass) Clone() framework.StateData { return c }

func hasPreferred(pod *v1.Pod) bool {
	a := pod.Spec.Affinity
	return a != nil && (a.PodAffinity != nil && len(a.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution) > 0 ||
		a.PodAntiAffinity != nil && len(a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution) > 0)
}

// PreScore brings the weights of the pod's class up to date. It skips pods for which no domain has any.
func (p *Plugin) PreScore(_ context.Context, state framework.CycleState, pod *v1.Pod, _ []framework.NodeInfo) *framework.Status {
	lister := p.handle.SnapshotSharedLister()
	withAffinity, err := lister.NodeInfos().HavePodsWithAffinityList()
	if err != nil {
		return framework.AsStatus(fmt.Errorf("list nodes with affinity: %w", err))
	}
	if !hasPreferred(pod) && (len(withAffinity) == 0 || p.ignorePreferred && p.hardWeight == 0) {
		return framework.NewStatus(framework.Skip)
	}
	p.forgetIfNamespacesChanged()
	if err := p.updateKeys(lister); err != nil {
		return framework.AsStatus(err)
	}
	key, err := classKey(pod, p.asked.keys)
	if err != nil {
		return framework.AsStatus(err)
	}
	class, err := p.scoreClasses.Get(key, func() (*scoreClass, error) {
		q, err := p.ask(pod)
		if err != nil {
			return nil, err
		}
		return &scoreClass{question: *q, hardWeight: p.hardWeight, ignorePreferred: p.ignorePreferred}, nil
	})
	if err != nil {
		return framework.AsStatus(fmt.Errorf("parse pod affinity: %w", err))
	}
	if err := class.cursor.Sync(lister, class); err != nil {
		return framework.AsStatus(err)
	}
	if class.weights.Empty() {
		return framework.NewStatus(framework.Skip)
	}
	state.Write(scoreKey, class)
	return nil
}

// Score adds up the weights of a node's domains.
func (*Plugin) Score(_ context.Context, state framework.CycleState, _ *v1.Pod, node framework.NodeInfo) (int64, *framework.Status) {
	data, err := state.Read(scoreKey)
	if err != nil {
		return 0, framework.AsStatus(err)
	}
	class := data.(*scoreClass)
	var score int64
	for key := range class.keys {
		if value, ok := node.Node().Labels[key]; ok {
			score += class.weights.Get(domains.Domain{Key: key, Value: value})
		}
	}
	return score, nil
}

// ScoreExtensions turns sums of weights into scores.
func (p *Plugin) ScoreExtensions() framework.ScoreExtensions { return p }

// NormalizeScore spreads the scores over the whole range; sums of weights may be negative.
func (*Plugin) NormalizeScore(_ context.Context, _ framework.CycleState, _ *v1.Pod, scores framework.NodeScoreList) *framework.Status {
	if len(scores) == 0 {
		return nil
	}
	lowest, highest := scores[0].Score, scores[0].Score
	for i := range scores {
		lowest, highest = min(lowest, scores[i].Score), max(highest, scores[i].Score)
	}
	for i := range scores {
		if highest == lowest {
			scores[i].Score = 0
		} else {
			scores[i].Score = int64(float64(framework.MaxScore) * (float64(scores[i].Score-lowest) / float64(highest-lowest)))
		}
	}
	return nil
}
