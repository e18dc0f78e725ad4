package podtopologyspread

import (
	"context"
	"math"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/kube-scheduler/framework"
)

const scoreKey framework.StateKey = "PreScore" + Name

// scoreState is what Score needs of a cycle's pod.
type scoreState struct {
	class       *class
	constraints []constraint
	// weights make a constraint with many domains, in each of which are few pods, count as much as one with few.
	weights []float64
	// ignored are nodes that lack a label which a constraint of the pod's own asks for. They score lowest.
	ignored sets.Set[string]
}

// Clone returns the state itself, which no one changes.
func (s *scoreState) Clone() framework.StateData { return s }

// PreScore brings the numbers for the pod's preferred constraints up to date. It skips pods without any.
func (p *Plugin) PreScore(_ context.Context, state framework.CycleState, pod *v1.Pod, nodes []framework.NodeInfo) *framework.Status {
	constraints, own, err := p.constraintsOf(pod, v1.ScheduleAnyway)
	if err != nil {
		return framework.AsStatus(err)
	}
	if len(constraints) == 0 {
		return framework.NewStatus(framework.Skip)
	}
	// System constraints are for clusters of which nothing is known: a node without a zone is spread over too.
	allKeys := own || !p.system
	class, err := p.classOf(pod, constraints, allKeys)
	if err != nil {
		return framework.AsStatus(err)
	}
	s := &scoreState{class: class, constraints: constraints}
	if allKeys {
		s.ignored = sets.New[string]()
		for _, n := range nodes {
			if !hasKeys(n.Node().Labels, constraints) {
				s.ignored.Insert(n.Node().Name)
			}
		}
	}
	for i := range constraints {
		s.weights = append(s.weights, math.Log(float64(s.domains(constraints[i].key, nodes)+2)))
	}
	state.Write(scoreKey, s)
	return nil
}

// domains is the number of domains in which the nodes to choose from are.
func (s *scoreState) domains(key string, nodes []framework.NodeInfo) int {
	if key == v1.LabelHostname {
		return len(nodes) - s.ignored.Len()
	}
	values := sets.New[string]()
	for _, n := range nodes {
		if value, ok := n.Node().Labels[key]; ok && !s.ignored.Has(n.Node().Name) {
			values.Insert(value)
		}
	}
	return values.Len()
}

// Score is the number of pods in a node's domains, weighted. A constraint that allows more skew counts less.
func (*Plugin) Score(_ context.Context, state framework.CycleState, _ *v1.Pod, node framework.NodeInfo) (int64, *framework.Status) {
	data, err := state.Read(scoreKey)
	if err != nil {
		return 0, framework.AsStatus(err)
	}
	s := data.(*scoreState)
	if s.ignored.Has(node.Node().Name) {
		return 0, nil
	}
	var score float64
	for i := range s.constraints {
		if domain, ok := node.Node().Labels[s.constraints[i].key]; ok {
			score += float64(s.class.tables[i].pods[domain])*s.weights[i] + float64(s.constraints[i].maxSkew-1)
		}
	}
	return int64(math.Round(score)), nil
}

// ScoreExtensions turns numbers of pods into scores.
func (p *Plugin) ScoreExtensions() framework.ScoreExtensions { return p }

// NormalizeScore gives the nodes with the fewest pods the highest score.
func (*Plugin) NormalizeScore(_ context.Context, state framework.CycleState, _ *v1.Pod, scores framework.NodeScoreList) *framework.Status {
	data, err := state.Read(scoreKey)
	if err != nil {
		return framework.AsStatus(err)
	}
	s := data.(*scoreState)
	lowest, highest := int64(math.MaxInt64), int64(0)
	for i := range scores {
		if !s.ignored.Has(scores[i].Name) {
			lowest, highest = min(lowest, scores[i].Score), max(highest, scores[i].Score)
		}
	}
	for i := range scores {
		switch {
		case s.ignored.Has(scores[i].Name):
			scores[i].Score = 0
		case highest == 0:
			scores[i].Score = framework.MaxScore
		default:
			scores[i].Score = framework.MaxScore * (highest + lowest - scores[i].Score) / highest
		}
	}
	return nil
}
