package profile

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kube-scheduler/framework"
)

// minFeasible is the number of feasible nodes that are enough in any cluster to choose from.
const minFeasible = 100

// FindNode returns the name of the node that suits a pod best, by the snapshot as it is now. If none does, the error is
// a *FitError. state must be new; the later extension points take it.
func (p *Profile) FindNode(ctx context.Context, state *CycleState, pod *v1.Pod) (string, error) {
	feasible, err := p.findFeasible(ctx, state, pod)
	if err != nil {
		return "", err
	}
	if len(feasible) == 1 {
		return feasible[0].Node().Name, nil
	}
	if status := p.RunPreScorePlugins(ctx, state, pod, feasible); !status.IsSuccess() {
		return "", fmt.Errorf("rank nodes: %w", status.AsError())
	}
	totals, status := p.totalScores(ctx, state, pod, feasible)
	if !status.IsSuccess() {
		return "", fmt.Errorf("rank nodes: %w", status.AsError())
	}
	return feasible[p.best(totals)].Node().Name, nil
}

// best is the index of the highest total; among equals each has the same chance.
func (p *Profile) best(totals []int64) int {
	best, equals := 0, 1
	for i := 1; i < len(totals); i++ {
		switch {
		case totals[i] > totals[best]:
			best, equals = i, 1
		case totals[i] == totals[best]:
			if equals++; p.random.IntN(equals) == 0 {
				best = i
			}
		}
	}
	return best
}

// findFeasible returns the nodes that pass all filters, in scratch memory; at least one when there is no error.
func (p *Profile) findFeasible(ctx context.Context, state *CycleState, pod *v1.Pod) ([]framework.NodeInfo, error) {
	d := Diagnosis{snapshot: p.config.Snapshot}
	if p.config.Snapshot.Len() == 0 {
		return nil, p.noNodes(pod, d)
	}
	result, restricting, status := p.RunPreFilterPlugins(ctx, state, pod)
	if status.IsRejected() {
		d.absent, d.PreFilterMessage = status, status.Message()
		d.addPlugin(status)
		return nil, &FitError{Pod: pod, Diagnosis: d}
	}
	if !status.IsSuccess() {
		return nil, fmt.Errorf("prepare filtering: %w", status.AsError())
	}
	if node := p.prospect(ctx, state, pod, result); node != nil {
		p.scratch.feasible = append(p.scratch.feasible[:0], node)
		return p.scratch.feasible, nil
	}
	if !result.AllNodes() {
		d.absent = framework.NewStatus(framework.UnschedulableAndUnresolvable,
			fmt.Sprintf("node(s) didn't satisfy plugin(s) %v", restricting.UnsortedList()))
		for plugin := range restricting {
			d.addPlugin(d.absent.Clone().WithPlugin(plugin))
		}
	}
	feasible, err := p.filterNodes(ctx, state, pod, result, &d)
	if err != nil {
		return nil, fmt.Errorf("filter nodes: %w", err)
	}
	if len(feasible) == 0 {
		return nil, &FitError{Pod: pod, Diagnosis: d}
	}
	return feasible, nil
}

// noNodes is the error when the cluster has no node. Any plugin that filters may then be the one by whose event the pod
// is tried again.
func (p *Profile) noNodes(pod *v1.Pod, d Diagnosis) error {
	d.absent = framework.NewStatus(framework.UnschedulableAndUnresolvable)
	for _, plugin := range p.filter {
		d.addPlugin(framework.NewStatus(framework.Unschedulable).WithPlugin(plugin.Name()))
	}
	return &FitError{Pod: pod, Diagnosis: d}
}

// prospect is the node that was made free for the pod, if it fits there now. Nobody else is looked at then.
func (p *Profile) prospect(ctx context.Context, state *CycleState, pod *v1.Pod, result *framework.PreFilterResult) framework.NodeInfo {
	name := pod.Status.NominatedNodeName
	if name == "" || !result.AllNodes() && !result.NodeNames.Has(name) {
		return nil
	}
	node, err := p.config.Snapshot.Get(name)
	if err != nil || !p.RunFilterPluginsWithNominatedPods(ctx, state, pod, node).IsSuccess() {
		return nil
	}
	return node
}

// filterNodes looks at nodes, beginning where the last cycle ended, until enough of them are feasible. As many as are wanted
// are looked at together, on all cores when they are many; no node is looked at that one after the other would not be.
func (p *Profile) filterNodes(ctx context.Context, state *CycleState, pod *v1.Pod, result *framework.PreFilterResult, d *Diagnosis) ([]framework.NodeInfo, error) {
	all, positions, err := p.candidates(result)
	if err != nil {
		return nil, err
	}
	enough := feasibleEnough(p.config.PercentageOfNodesToScore, len(all))
	start := 0
	if positions == nil && enough < len(all) {
		start = p.nextNode % len(all)
	}
	feasible := p.scratch.feasible[:0]
	looked := 0
	for looked < len(all) && len(feasible) < enough {
		batch := min(enough-len(feasible), len(all)-looked)
		verdicts := p.filterBatch(ctx, state, pod, all, start+looked, batch)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for j, status := range verdicts {
			i := (start + looked + j) % len(all)
			switch {
			case status == nil:
				feasible = append(feasible, all[i])
			case status.IsError():
				return nil, status.AsError()
			case positions != nil:
				p.note(d, positions[i], status)
			default:
				p.note(d, i, status)
			}
		}
		looked += batch
	}
	if positions == nil {
		p.nextNode = start + looked
	}
	p.scratch.feasible = feasible
	return feasible, nil
}

// filterBatch are the verdicts on some nodes, from a place in a list that is taken as a ring, in scratch memory.
func (p *Profile) filterBatch(ctx context.Context, state *CycleState, pod *v1.Pod, all []framework.NodeInfo, from, n int) []*framework.Status {
	filter := p.RunFilterPlugins
	if !p.Nominator.Empty() {
		filter = p.RunFilterPluginsWithNominatedPods
	}
	p.scratch.verdicts = zeroed(p.scratch.verdicts, n)
	verdicts := p.scratch.verdicts
	p.parallelizer.Until(ctx, n, func(j int) {
		verdicts[j] = filter(ctx, state, pod, all[(from+j)%len(all)])
	}, "Filter")
	return verdicts
}

// note keeps why a node, by its position in the snapshot, was turned down.
func (p *Profile) note(d *Diagnosis, position int, status *framework.Status) {
	if d.byNode == nil {
		p.scratch.statuses = zeroed(p.scratch.statuses, p.config.Snapshot.Len())
		d.byNode = p.scratch.statuses
	}
	d.byNode[position] = status
	d.addPlugin(status)
}

// candidates are the nodes to look at. Positions are their places in the snapshot, nil when they are all of it.
func (p *Profile) candidates(result *framework.PreFilterResult) (nodes []framework.NodeInfo, positions []int, err error) {
	if result.AllNodes() {
		nodes, err = p.config.Snapshot.List()
		return nodes, nil, err
	}
	all, err := p.config.Snapshot.List()
	if err != nil {
		return nil, nil, err
	}
	positions = []int{}
	for name := range result.NodeNames {
		if i, ok := p.config.Snapshot.Position(name); ok {
			nodes, positions = append(nodes, all[i]), append(positions, i)
		}
	}
	return nodes, positions, nil
}

// feasibleEnough is how many feasible nodes are enough to choose from. Unless configured, it is half of the nodes of a
// small cluster and down to a twentieth in a large one.
func feasibleEnough(percentage int32, nodes int) int {
	if nodes < minFeasible || percentage >= 100 {
		return nodes
	}
	share := int(percentage)
	if share == 0 {
		share = max(50-nodes/125, 5)
	}
	return max(nodes*share/100, minFeasible)
}
