package noderesourcesfit

import (
	"context"
	"fmt"
	"math"

	v1 "k8s.io/api/core/v1"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// scorer ranks a node by the weighted mean of its resources' scores.
type scorer struct {
	resources []configv1.ResourceSpec
	// score is for one resource, when used of total will be taken; 0 to 100.
	score func(used, total int64) int64
	// skipZero leaves resources with score 0 out of the mean.
	skipZero bool
}

func newScorer(strategy *configv1.ScoringStrategy) (scorer, error) {
	s := scorer{resources: strategy.Resources}
	switch strategy.Type {
	case configv1.LeastAllocated:
		s.score = leastAllocated
	case configv1.MostAllocated:
		s.score = mostAllocated
	case configv1.RequestedToCapacityRatio:
		if strategy.RequestedToCapacityRatio == nil || len(strategy.RequestedToCapacityRatio.Shape) == 0 {
			return s, fmt.Errorf("scoring strategy %s needs a shape", strategy.Type)
		}
		shape := strategy.RequestedToCapacityRatio.Shape
		s.score = func(used, total int64) int64 { return ratioScore(shape, used, total) }
		s.skipZero = true
	default:
		return s, fmt.Errorf("scoring strategy %q is not known", strategy.Type)
	}
	return s, nil
}

func leastAllocated(used, total int64) int64 {
	if used > total {
		return 0
	}
	return (total - used) * framework.MaxScore / total
}

func mostAllocated(used, total int64) int64 {
	return min(used, total) * framework.MaxScore / total
}

// ratioScore is the value of a function given by points, at the utilization in percent. Between points it is linear,
// outside of them constant. Points score 0 to 10.
func ratioScore(shape []configv1.UtilizationShapePoint, used, total int64) int64 {
	const scale = framework.MaxScore / 10
	x := int64(100)
	if used <= total {
		x = used * 100 / total
	}
	for i, point := range shape {
		if x > int64(point.Utilization) {
			continue
		}
		if i == 0 {
			return int64(point.Score) * scale
		}
		x0, y0 := int64(shape[i-1].Utilization), int64(shape[i-1].Score)*scale
		x1, y1 := int64(point.Utilization), int64(point.Score)*scale
		return y0 + (y1-y0)*(x-x0)/(x1-x0)
	}
	return int64(shape[len(shape)-1].Score) * scale
}

// wanted is what the pod of a cycle requests of each scored resource, in their order.
type wanted struct{ amounts []int64 }

// Clone returns the amounts themselves, which no one changes.
func (w *wanted) Clone() framework.StateData { return w }

// PreScore finds what the pod requests of the scored resources.
func (p *Plugin) PreScore(_ context.Context, state framework.CycleState, pod *v1.Pod, _ []framework.NodeInfo) *framework.Status {
	requests := cache.RequestsOf(pod)
	w := &wanted{amounts: make([]int64, len(p.scorer.resources))}
	for i, r := range p.scorer.resources {
		switch name := v1.ResourceName(r.Name); name {
		case v1.ResourceCPU:
			w.amounts[i] = requests.Non0CPU
		case v1.ResourceMemory:
			w.amounts[i] = requests.Non0Mem
		case v1.ResourceEphemeralStorage:
			w.amounts[i] = requests.Resource.GetEphemeralStorage()
		default:
			w.amounts[i] = requests.Resource.GetScalarResources()[name]
		}
	}
	state.Write(scoreKey, w)
	return nil
}

// Score ranks a node by how much of its resources will be taken.
func (p *Plugin) Score(_ context.Context, state framework.CycleState, _ *v1.Pod, node framework.NodeInfo) (int64, *framework.Status) {
	data, err := state.Read(scoreKey)
	if err != nil {
		return 0, framework.AsStatus(err)
	}
	var sum, weights int64
	for i, r := range p.scorer.resources {
		amount := data.(*wanted).amounts[i]
		used, total := usage(v1.ResourceName(r.Name), node)
		// A resource that the node has not, or that is special and not requested, says nothing about the node.
		if total == 0 || amount == 0 && cache.IsScalar(v1.ResourceName(r.Name)) {
			continue
		}
		score := p.scorer.score(used+amount, total)
		if score == 0 && p.scorer.skipZero {
			continue
		}
		sum += score * r.Weight
		weights += r.Weight
	}
	if weights == 0 {
		return 0, nil
	}
	if p.scorer.skipZero {
		return int64(math.Round(float64(sum) / float64(weights))), nil
	}
	return sum / weights, nil
}

// ScoreExtensions is nil: scores are in range as they are.
func (*Plugin) ScoreExtensions() framework.ScoreExtensions { return nil }

// usage is how much of a resource a node's pods take, and how much there is. For CPU and memory, containers that
// request none count with a default, so that they spread.
func usage(name v1.ResourceName, node framework.NodeInfo) (used, total int64) {
	switch name {
	case v1.ResourceCPU:
		return node.GetNonZeroRequested().GetMilliCPU(), node.GetAllocatable().GetMilliCPU()
	case v1.ResourceMemory:
		return node.GetNonZeroRequested().GetMemory(), node.GetAllocatable().GetMemory()
	case v1.ResourceEphemeralStorage:
		return node.GetRequested().GetEphemeralStorage(), node.GetAllocatable().GetEphemeralStorage()
	default:
		return node.GetRequested().GetScalarResources()[name], node.GetAllocatable().GetScalarResources()[name]
	}
}
