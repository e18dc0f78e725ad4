package noderesourcesbalancedallocation

import (
	"context"
	"fmt"
	"math"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// Name is the plugin's name in configurations.
const Name = "NodeResourcesBalancedAllocation"

const scoreKey framework.StateKey = "PreScore" + Name

// Plugin ranks nodes by the balance of what is taken of their resources.
type Plugin struct {
	resources []v1.ResourceName
}

var (
	_ framework.PreScorePlugin = &Plugin{}
	_ framework.ScorePlugin    = &Plugin{}
)

// New makes the plugin from *NodeResourcesBalancedAllocationArgs.
func New(_ context.Context, obj runtime.Object, _ framework.Handle) (framework.Plugin, error) {
	args, ok := obj.(*configv1.NodeResourcesBalancedAllocationArgs)
	if !ok {
		return nil, fmt.Errorf("want NodeResourcesBalancedAllocationArgs, got %T", obj)
	}
	p := &Plugin{}
	for _, r := range args.Resources {
		p.resources = append(p.resources, v1.ResourceName(r.Name))
	}
	return p, nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// request is what the pod of a cycle requests.
type request struct{ cache.Resource }

// Clone returns the request itself, which no one changes.
func (r *request) Clone() framework.StateData { return r }

// PreScore adds up the pod's requests. A pod that requests none of the resources changes no balance.
func (p *Plugin) PreScore(_ context.Context, state framework.CycleState, pod *v1.Pod, _ []framework.NodeInfo) *framework.Status {
	r := &request{Resource: cache.NewResource(cache.Requests(pod))}
	var sum int64
	for _, name := range p.resources {
		sum += amount(&r.Resource, name)
	}
	if sum == 0 {
		return framework.NewStatus(framework.Skip)
	}
	state.Write(scoreKey, r)
	return nil
}

// Score is the higher, the less the resources differ in how much of them is taken.
func (p *Plugin) Score(_ context.Context, state framework.CycleState, _ *v1.Pod, node framework.NodeInfo) (int64, *framework.Status) {
	data, err := state.Read(scoreKey)
	if err != nil {
		return 0, framework.AsStatus(err)
	}
	r := &data.(*request).Resource
	var sum, squares, n float64
	for _, name := range p.resources {
		wanted, total := amount(r, name), amount(node.GetAllocatable(), name)
		// A resource that the node has not, or that is special and not requested, says nothing about balance.
		if total == 0 || wanted == 0 && cache.IsScalar(name) {
			continue
		}
		taken := min(float64(amount(node.GetRequested(), name)+wanted)/float64(total), 1)
		sum, squares, n = sum+taken, squares+taken*taken, n+1
	}
	if n == 0 {
		return framework.MaxScore, nil
	}
	// The variance can come out just below zero.
	deviation := math.Sqrt(max(squares/n-(sum/n)*(sum/n), 0))
	return int64((1 - deviation) * float64(framework.MaxScore)), nil
}

// ScoreExtensions is nil: scores are in range as they are.
func (*Plugin) ScoreExtensions() framework.ScoreExtensions { return nil }

func amount(r framework.Resource, name v1.ResourceName) int64 {
	switch name {
	case v1.ResourceCPU:
		return r.GetMilliCPU()
	case v1.ResourceMemory:
		return r.GetMemory()
	case v1.ResourceEphemeralStorage:
		return r.GetEphemeralStorage()
	default:
		return r.GetScalarResources()[name]
	}
}
