package defaultpreemption

import (
	"context"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

// candidate is a node on which a pod fits when some others go.
type candidate struct {
	node string
	// victims are the pods to evict, the most important first.
	victims []*v1.Pod
	// violations is how many evictions break a disruption budget.
	violations int
}

// dryRun finds the least important pods whose going makes room on a node.
func (p *Plugin) dryRun(ctx context.Context, state framework.CycleState, pod *v1.Pod, node framework.NodeInfo, budgets []*policyv1.PodDisruptionBudget) (candidate, *framework.Status) {
	var lower []framework.PodInfo
	for _, other := range node.GetPods() {
		if corev1.PodPriority(other.GetPod()) < corev1.PodPriority(pod) {
			lower = append(lower, other)
		}
	}
	if len(lower) == 0 {
		return candidate{}, framework.NewStatus(framework.UnschedulableAndUnresolvable, "No preemption victims found for incoming pod")
	}
	try := &trial{plugin: p, ctx: ctx, pod: pod, state: state.Clone(), node: node.Snapshot()}
	for _, other := range lower {
		if status := try.remove(other); !status.IsSuccess() {
			return candidate{}, status
		}
	}
	if status := try.fits(); !status.IsSuccess() {
		return candidate{}, status
	}
	return try.spare(lower, budgets)
}

// trial is a node on which pods are taken away and put back for the sake of argument.
type trial struct {
	plugin *Plugin
	ctx    context.Context
	pod    *v1.Pod
	state  framework.CycleState
	node   framework.NodeInfo
}

func (t *trial) remove(other framework.PodInfo) *framework.Status {
	if err := t.node.RemovePod(klog.FromContext(t.ctx), other.GetPod()); err != nil {
		return framework.AsStatus(err)
	}
	return t.plugin.handle.RunPreFilterExtensionRemovePod(t.ctx, t.state, t.pod, other, t.node)
}

func (t *trial) add(other framework.PodInfo) *framework.Status {
	t.node.AddPodInfo(other)
	return t.plugin.handle.RunPreFilterExtensionAddPod(t.ctx, t.state, t.pod, other, t.node)
}

func (t *trial) fits() *framework.Status {
	return t.plugin.handle.RunFilterPluginsWithNominatedPods(t.ctx, t.state, t.pod, t.node)
}

// spare puts pods back as long as the pod still fits: first those whose eviction would break a budget, and of each kind
// the most important first. Those that cannot be put back are the victims.
func (t *trial) spare(removed []framework.PodInfo, budgets []*policyv1.PodDisruptionBudget) (candidate, *framework.Status) {
	slices.SortStableFunc(removed, func(a, b framework.PodInfo) int { return byImportance(a.GetPod(), b.GetPod()) })
	violating, others, err := splitByBudget(removed, budgets)
	if err != nil {
		return candidate{}, framework.AsStatus(err)
	}
	c := candidate{node: t.node.Node().Name}
	for i, group := range [][]framework.PodInfo{violating, others} {
		for _, other := range group {
			spared, status := t.trySpare(other)
			if !status.IsSuccess() {
				return candidate{}, status
			}
			if spared {
				continue
			}
			c.victims = append(c.victims, other.GetPod())
			if i == 0 {
				c.violations++
			}
		}
	}
	slices.SortStableFunc(c.victims, byImportance)
	return c, nil
}

func (t *trial) trySpare(other framework.PodInfo) (bool, *framework.Status) {
	if status := t.add(other); !status.IsSuccess() {
		return false, status
	}
	status := t.fits()
	if status.IsSuccess() {
		return true, nil
	}
	if status.IsError() {
		return false, status
	}
	return false, t.remove(other)
}

// byImportance orders pods by falling priority, and of like priority those first that have run longer.
func byImportance(a, b *v1.Pod) int {
	if pa, pb := corev1.PodPriority(a), corev1.PodPriority(b); pa != pb {
		if pa > pb {
			return -1
		}
		return 1
	}
	return startTime(a).Compare(startTime(b).Time)
}

// startTime is when a pod was started; a pod that was not yet counts as the youngest.
func startTime(pod *v1.Pod) *metav1.Time {
	if pod.Status.StartTime != nil {
		return pod.Status.StartTime
	}
	now := metav1.Now()
	return &now
}

// splitByBudget tells the pods whose eviction, after that of those before them, breaks a disruption budget from others.
func splitByBudget(pods []framework.PodInfo, budgets []*policyv1.PodDisruptionBudget) (violating, others []framework.PodInfo, err error) {
	allowed := make([]int32, len(budgets))
	selectors := make([]labels.Selector, len(budgets))
	for i, b := range budgets {
		allowed[i] = b.Status.DisruptionsAllowed
		if selectors[i], err = metav1.LabelSelectorAsSelector(b.Spec.Selector); err != nil {
			return nil, nil, fmt.Errorf("parse selector of disruption budget %s: %w", klog.KObj(b), err)
		}
	}
	for _, info := range pods {
		pod, breaks := info.GetPod(), false
		for i, b := range budgets {
			if b.Namespace != pod.Namespace || !selectors[i].Matches(labels.Set(pod.Labels)) {
				continue
			}
			// An eviction that the budget knows of already is not counted twice.
			if _, known := b.Status.DisruptedPods[pod.Name]; known {
				continue
			}
			allowed[i]--
			breaks = breaks || allowed[i] < 0
		}
		if breaks {
			violating = append(violating, info)
		} else {
			others = append(others, info)
		}
	}
	return violating, others, nil
}
