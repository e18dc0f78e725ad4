package tainttoleration

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/plugins/normalize"
)

// Name is the plugin's name in configurations.
const Name = "TaintToleration"

const scoreKey framework.StateKey = "PreScore" + Name

// comparisonOperators says that the toleration operators Lt and Gt (an alpha feature) are not honoured.
const comparisonOperators = false

// Plugin keeps pods from nodes whose taints they do not tolerate.
type Plugin struct {
	rejection *framework.Status
}

var (
	_ framework.FilterPlugin      = &Plugin{}
	_ framework.PreScorePlugin    = &Plugin{}
	_ framework.ScorePlugin       = &Plugin{}
	_ framework.EnqueueExtensions = &Plugin{}
)

// New makes the plugin, which takes no arguments.
func New(context.Context, runtime.Object, framework.Handle) (framework.Plugin, error) {
	return &Plugin{
		rejection: framework.NewStatus(framework.UnschedulableAndUnresolvable, "node(s) had untolerated taint(s)").WithPlugin(Name),
	}, nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// Filter turns a node down that has a taint which the pod does not tolerate.
func (p *Plugin) Filter(ctx context.Context, _ framework.CycleState, pod *v1.Pod, node framework.NodeInfo) *framework.Status {
	if len(node.Node().Spec.Taints) == 0 || !repels(klog.FromContext(ctx), node.Node(), pod) {
		return nil
	}
	return p.rejection
}

// repels tells whether a node keeps a pod away.
func repels(logger klog.Logger, node *v1.Node, pod *v1.Pod) bool {
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		if taint.Effect != v1.TaintEffectNoSchedule && taint.Effect != v1.TaintEffectNoExecute {
			continue
		}
		if !corev1.TolerationsTolerateTaint(logger, pod.Spec.Tolerations, taint, comparisonOperators) {
			return true
		}
	}
	return false
}

// tolerations are those of the pod of a cycle that concern PreferNoSchedule.
type tolerations []v1.Toleration

// Clone returns the tolerations themselves, which no one changes.
func (t tolerations) Clone() framework.StateData { return t }

// PreScore skips scoring when no node has a taint that matters to it.
func (*Plugin) PreScore(_ context.Context, state framework.CycleState, pod *v1.Pod, nodes []framework.NodeInfo) *framework.Status {
	if !anyPrefersNot(nodes) {
		return framework.NewStatus(framework.Skip)
	}
	var t tolerations
	for _, toleration := range pod.Spec.Tolerations {
		if toleration.Effect == "" || toleration.Effect == v1.TaintEffectPreferNoSchedule {
			t = append(t, toleration)
		}
	}
	state.Write(scoreKey, t)
	return nil
}

func anyPrefersNot(nodes []framework.NodeInfo) bool {
	for _, n := range nodes {
		for i := range n.Node().Spec.Taints {
			if n.Node().Spec.Taints[i].Effect == v1.TaintEffectPreferNoSchedule {
				return true
			}
		}
	}
	return false
}

// Score counts the PreferNoSchedule taints that the pod does not tolerate.
func (*Plugin) Score(ctx context.Context, state framework.CycleState, _ *v1.Pod, node framework.NodeInfo) (int64, *framework.Status) {
	data, err := state.Read(scoreKey)
	if err != nil {
		return 0, framework.AsStatus(err)
	}
	logger := klog.FromContext(ctx)
	var count int64
	for i := range node.Node().Spec.Taints {
		taint := &node.Node().Spec.Taints[i]
		if taint.Effect == v1.TaintEffectPreferNoSchedule && !corev1.TolerationsTolerateTaint(logger, data.(tolerations), taint, comparisonOperators) {
			count++
		}
	}
	return count, nil
}

// ScoreExtensions turns counts into scores.
func (p *Plugin) ScoreExtensions() framework.ScoreExtensions { return p }

// NormalizeScore gives the node with most intolerable taints the lowest score.
func (*Plugin) NormalizeScore(_ context.Context, _ framework.CycleState, _ *v1.Pod, scores framework.NodeScoreList) *framework.Status {
	normalize.ToMax(scores, true)
	return nil
}

// EventsToRegister are a node that comes or changes its taints, and a pod that tolerates more.
func (*Plugin) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	return []framework.ClusterEventWithHint{
		{
			Event:          framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add | framework.UpdateNodeTaint},
			QueueingHintFn: afterNodeChange,
		},
		{
			Event:          framework.ClusterEvent{Resource: framework.Pod, ActionType: framework.UpdatePodToleration},
			QueueingHintFn: afterPodChange,
		},
	}, nil
}

func afterNodeChange(logger klog.Logger, pod *v1.Pod, oldObj, newObj any) (framework.QueueingHint, error) {
	node, ok := newObj.(*v1.Node)
	if !ok {
		return framework.Queue, fmt.Errorf("want a node, got %T", newObj)
	}
	before, existed := oldObj.(*v1.Node)
	if repels(logger, node, pod) || existed && !repels(logger, before, pod) {
		return framework.QueueSkip, nil
	}
	return framework.Queue, nil
}

func afterPodChange(_ klog.Logger, pod *v1.Pod, _, newObj any) (framework.QueueingHint, error) {
	changed, ok := newObj.(*v1.Pod)
	if !ok {
		return framework.Queue, fmt.Errorf("want a pod, got %T", newObj)
	}
	if changed.UID != pod.UID {
		return framework.QueueSkip, nil
	}
	return framework.Queue, nil
}
