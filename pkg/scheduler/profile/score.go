package profile

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/kube-scheduler/framework"
)

// scratch is memory that one cycle leaves to the next.
type scratch struct {
	feasible []framework.NodeInfo
	statuses []*framework.Status
	verdicts []*framework.Status
	totals   []int64
	scores   framework.NodeScoreList
}

// RunPreScorePlugins prepares scoring.
func (p *Profile) RunPreScorePlugins(ctx context.Context, state framework.CycleState, pod *v1.Pod, nodes []framework.NodeInfo) *framework.Status {
	skip := sets.New[string]()
	for _, plugin := range p.preScore {
		status := plugin.PreScore(ctx, state, pod, nodes)
		if status.IsSkip() {
			skip.Insert(plugin.Name())
			continue
		}
		if !status.IsSuccess() {
			return failed(status, plugin, "PreScore")
		}
	}
	state.SetSkipScorePlugins(skip)
	return nil
}

// RunScorePlugins ranks nodes and keeps every plugin's part in it.
func (p *Profile) RunScorePlugins(ctx context.Context, state framework.CycleState, pod *v1.Pod, nodes []framework.NodeInfo) ([]framework.NodePluginScores, *framework.Status) {
	all := make([]framework.NodePluginScores, len(nodes))
	for i, n := range nodes {
		all[i].Name = n.Node().Name
	}
	scores := make(framework.NodeScoreList, len(nodes))
	for _, plugin := range p.score {
		if state.GetSkipScorePlugins().Has(plugin.Name()) {
			continue
		}
		if status := p.scoreWith(ctx, plugin, state, pod, nodes, scores); !status.IsSuccess() {
			return nil, status
		}
		for i := range all {
			weighted := scores[i].Score * plugin.weight
			all[i].Scores = append(all[i].Scores, framework.PluginScore{Name: plugin.Name(), Score: weighted})
			all[i].TotalScore += weighted
		}
	}
	return all, nil
}

// totalScores ranks nodes into the profile's scratch memory.
func (p *Profile) totalScores(ctx context.Context, state *CycleState, pod *v1.Pod, nodes []framework.NodeInfo) ([]int64, *framework.Status) {
	p.scratch.totals = zeroed(p.scratch.totals, len(nodes))
	p.scratch.scores = zeroed(p.scratch.scores, len(nodes))
	totals, scores := p.scratch.totals, p.scratch.scores
	for _, plugin := range p.score {
		if state.skipScore.Has(plugin.Name()) {
			continue
		}
		if status := p.scoreWith(ctx, plugin, state, pod, nodes, scores); !status.IsSuccess() {
			return nil, status
		}
		for i := range totals {
			totals[i] += scores[i].Score * plugin.weight
		}
	}
	return totals, nil
}

func zeroed[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// scoreWith writes one plugin's normalized scores.
func (p *Profile) scoreWith(ctx context.Context, plugin scorePlugin, state framework.CycleState, pod *v1.Pod, nodes []framework.NodeInfo, scores framework.NodeScoreList) *framework.Status {
	failures := make(chan *framework.Status, 1)
	p.parallelizer.Until(ctx, len(nodes), func(i int) {
		score, status := plugin.Score(ctx, state, pod, nodes[i])
		if !status.IsSuccess() {
			select {
			case failures <- failed(status, plugin, "Score"):
			default:
			}
			return
		}
		scores[i] = framework.NodeScore{Name: nodes[i].Node().Name, Score: score}
	}, plugin.Name())
	select {
	case status := <-failures:
		return status
	default:
	}
	if extensions := plugin.ScoreExtensions(); extensions != nil {
		if status := extensions.NormalizeScore(ctx, state, pod, scores); !status.IsSuccess() {
			return failed(status, plugin, "NormalizeScore")
		}
	}
	for i := range scores {
		if s := scores[i].Score; s < framework.MinScore || s > framework.MaxScore {
			return framework.AsStatus(fmt.Errorf("plugin %q gave node %q the score %d, want %d to %d",
				plugin.Name(), scores[i].Name, s, framework.MinScore, framework.MaxScore)).WithPlugin(plugin.Name())
		}
	}
	return nil
}
