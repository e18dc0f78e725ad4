package defaultpreemption

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	policylisters "k8s.io/client-go/listers/policy/v1"
	clientcache "k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/reasons"
)

// Name is the plugin's name in configurations.
const Name = "DefaultPreemption"

// Plugin makes room by evicting pods.
type Plugin struct {
	handle  framework.Handle
	args    configv1.DefaultPreemptionArgs
	budgets policylisters.PodDisruptionBudgetLister
	synced  clientcache.DoneChecker
}

var _ framework.PostFilterPlugin = &Plugin{}

// New makes the plugin from *DefaultPreemptionArgs.
func New(_ context.Context, obj runtime.Object, handle framework.Handle) (framework.Plugin, error) {
	args, ok := obj.(*configv1.DefaultPreemptionArgs)
	if !ok || args.MinCandidateNodesPercentage == nil || args.MinCandidateNodesAbsolute == nil {
		return nil, fmt.Errorf("want defaulted DefaultPreemptionArgs, got %T", obj)
	}
	budgets := handle.SharedInformerFactory().Policy().V1().PodDisruptionBudgets()
	return &Plugin{handle: handle, args: *args, budgets: budgets.Lister(), synced: budgets.Informer().HasSyncedChecker()}, nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// Synced is the disruption budget informer's state.
func (p *Plugin) Synced() []clientcache.DoneChecker { return []clientcache.DoneChecker{p.synced} }

// PostFilter evicts pods for the pod and nominates their node, or says why that would not help.
func (p *Plugin) PostFilter(ctx context.Context, state framework.CycleState, pod *v1.Pod, statuses framework.NodeToStatusReader) (*framework.PostFilterResult, *framework.Status) {
	if reason := p.ineligible(pod, statuses); reason != "" {
		return nil, framework.NewStatus(framework.Unschedulable, "preemption: "+reason)
	}
	nodes := p.handle.SnapshotSharedLister().NodeInfos()
	all, err := nodes.List()
	if err != nil {
		return nil, framework.AsStatus(fmt.Errorf("list nodes: %w", err))
	}
	helpful, err := statuses.NodesForStatusCode(nodes, framework.Unschedulable)
	if err != nil {
		return nil, framework.AsStatus(err)
	}
	found, failures, err := p.candidates(ctx, state, pod, helpful)
	if err != nil {
		return nil, framework.AsStatus(err)
	}
	if len(found) == 0 {
		// A node that was nominated before will not do any more.
		return nominate(""), framework.NewStatus(framework.Unschedulable, "preemption: "+notFound(len(all), len(helpful), failures))
	}
	chosen := best(found)
	if err := p.evict(ctx, pod, chosen); err != nil {
		return nil, framework.AsStatus(err)
	}
	klog.FromContext(ctx).V(2).Info("Made room for pod", "pod", klog.KObj(pod), "node", chosen.node, "evicted", len(chosen.victims))
	return nominate(chosen.node), nil
}

func nominate(node string) *framework.PostFilterResult {
	return &framework.PostFilterResult{NominatingInfo: &framework.NominatingInfo{
		NominatedNodeName: node, NominatingMode: framework.ModeOverride,
	}}
}

// ineligible says why no pod is to be evicted for this one: it does not want that, or has had it and has only to wait.
func (p *Plugin) ineligible(pod *v1.Pod, statuses framework.NodeToStatusReader) string {
	if pod.Spec.PreemptionPolicy != nil && *pod.Spec.PreemptionPolicy == v1.PreemptNever {
		return "not eligible due to preemptionPolicy=Never."
	}
	nominated := pod.Status.NominatedNodeName
	if nominated == "" || statuses.Get(nominated).Code() == framework.UnschedulableAndUnresolvable {
		return ""
	}
	node, err := p.handle.SnapshotSharedLister().NodeInfos().Get(nominated)
	if err != nil {
		// The node is gone: another may be found.
		return ""
	}
	for _, other := range node.GetPods() {
		if corev1.PodPriority(other.GetPod()) < corev1.PodPriority(pod) && isBeingEvicted(other.GetPod()) {
			return "not eligible due to a terminating pod on the nominated node."
		}
	}
	return ""
}

func isBeingEvicted(pod *v1.Pod) bool {
	if pod.DeletionTimestamp == nil {
		return false
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == v1.DisruptionTarget {
			return c.Status == v1.ConditionTrue && c.Reason == v1.PodReasonPreemptionByScheduler
		}
	}
	return false
}

// candidates tries nodes, beginning with any, until enough of them would do. failures counts the others' reasons.
func (p *Plugin) candidates(ctx context.Context, state framework.CycleState, pod *v1.Pod, nodes []framework.NodeInfo) (found []candidate, failures map[string]int, err error) {
	budgets, err := p.budgets.List(labels.Everything())
	if err != nil {
		return nil, nil, fmt.Errorf("list disruption budgets: %w", err)
	}
	enough := max(len(nodes)*int(*p.args.MinCandidateNodesPercentage)/100, int(*p.args.MinCandidateNodesAbsolute))
	failures = map[string]int{}
	if len(nodes) == 0 {
		return nil, failures, nil
	}
	start := rand.IntN(len(nodes))
	harmless := 0
	for i := range nodes {
		node := nodes[(start+i)%len(nodes)]
		c, status := p.dryRun(ctx, state, pod, node, budgets)
		if status.IsError() {
			return nil, nil, status.AsError()
		}
		if !status.IsSuccess() {
			for _, reason := range status.Reasons() {
				failures[reason]++
			}
			continue
		}
		found = append(found, c)
		if c.violations == 0 {
			harmless++
		}
		// Among enough candidates there should be one that breaks no budget.
		if len(found) >= enough && harmless > 0 {
			break
		}
	}
	return found, failures, nil
}

func notFound(all, helpful int, failures map[string]int) string {
	if all > helpful {
		failures["Preemption is not helpful for scheduling"] += all - helpful
	}
	message := fmt.Sprintf("0/%d nodes are available:", all)
	if counted := reasons.Histogram(failures); len(counted) > 0 {
		message += " " + strings.Join(counted, ", ") + "."
	}
	return message
}
