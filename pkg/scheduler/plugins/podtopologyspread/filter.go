package podtopologyspread

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/kube-scheduler/framework"
)

const filterKey framework.StateKey = "PreFilter" + Name

// filterState is what Filter needs of a cycle's pod.
type filterState struct {
	class *class
	// constraints are the pod's own: what differs between pods of one class is maxSkew and minDomains.
	constraints []constraint
	tables      []overlay
	lowest      []int64
	// self is, for each constraint, 1 if the pod itself will count.
	self []int64
}

// Clone is a state whose numbers may be changed.
func (s *filterState) Clone() framework.StateData {
	c := *s
	c.tables = make([]overlay, len(s.tables))
	for i := range s.tables {
		c.tables[i] = s.tables[i].clone()
	}
	c.lowest = append([]int64(nil), s.lowest...)
	return &c
}

// PreFilter brings the numbers for the pod's constraints up to date. It skips pods without any that must hold.
func (p *Plugin) PreFilter(_ context.Context, state framework.CycleState, pod *v1.Pod, _ []framework.NodeInfo) (*framework.PreFilterResult, *framework.Status) {
	constraints, _, err := p.constraintsOf(pod, v1.DoNotSchedule)
	if err != nil {
		return nil, framework.AsStatus(err)
	}
	if len(constraints) == 0 {
		return nil, framework.NewStatus(framework.Skip)
	}
	class, err := p.classOf(pod, constraints, true)
	if err != nil {
		return nil, framework.AsStatus(err)
	}
	s := &filterState{class: class, constraints: constraints, lowest: make([]int64, len(constraints))}
	for i := range constraints {
		s.tables = append(s.tables, overlay{table: class.tables[i]})
		self := int64(0)
		if constraints[i].selector.Matches(labels.Set(pod.Labels)) {
			self = 1
		}
		s.self = append(s.self, self)
		s.lowest[i] = s.tables[i].lowest(constraints[i].minDomains)
	}
	state.Write(filterKey, s)
	return nil, nil
}

// PreFilterExtensions change the numbers by one pod.
func (p *Plugin) PreFilterExtensions() framework.PreFilterExtensions { return p }

// AddPod counts a pod as if it were on the node.
func (p *Plugin) AddPod(_ context.Context, state framework.CycleState, _ *v1.Pod, added framework.PodInfo, node framework.NodeInfo) *framework.Status {
	return change(state, added.GetPod(), node.Node(), 1)
}

// RemovePod counts a pod as if it were not on the node.
func (p *Plugin) RemovePod(_ context.Context, state framework.CycleState, _ *v1.Pod, removed framework.PodInfo, node framework.NodeInfo) *framework.Status {
	return change(state, removed.GetPod(), node.Node(), -1)
}

func change(state framework.CycleState, pod *v1.Pod, node *v1.Node, sign int64) *framework.Status {
	data, err := state.Read(filterKey)
	if err != nil {
		return framework.AsStatus(err)
	}
	s := data.(*filterState)
	if !hasKeys(node.Labels, s.constraints) {
		return nil
	}
	for i := range s.constraints {
		if n := s.class.selects(i, pod); n != 0 && s.class.counts(&s.constraints[i], node) {
			s.tables[i].add(node.Labels[s.constraints[i].key], sign*n)
			s.lowest[i] = s.tables[i].lowest(s.constraints[i].minDomains)
		}
	}
	return nil
}

// Filter turns a node down in whose domain there would be too many pods, compared with the domain that has the fewest.
func (p *Plugin) Filter(_ context.Context, state framework.CycleState, _ *v1.Pod, node framework.NodeInfo) *framework.Status {
	data, err := state.Read(filterKey)
	if err != nil {
		return framework.AsStatus(fmt.Errorf("filter node: %w", err))
	}
	s := data.(*filterState)
	nodeLabels := node.Node().Labels
	for i := range s.constraints {
		c := &s.constraints[i]
		domain, ok := nodeLabels[c.key]
		if !ok {
			return p.noDomain
		}
		if s.tables[i].count(domain)+s.self[i]-s.lowest[i] > c.maxSkew {
			return p.tooUneven
		}
	}
	return nil
}
