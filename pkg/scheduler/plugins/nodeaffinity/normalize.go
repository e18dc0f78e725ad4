package nodeaffinity

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/plugins/normalize"
)

// ScoreExtensions turns sums of weights into scores.
func (p *Plugin) ScoreExtensions() framework.ScoreExtensions { return p }

// NormalizeScore gives the node with the highest sum of weights the highest score.
func (*Plugin) NormalizeScore(_ context.Context, _ framework.CycleState, _ *v1.Pod, scores framework.NodeScoreList) *framework.Status {
	normalize.ToMax(scores, false)
	return nil
}
