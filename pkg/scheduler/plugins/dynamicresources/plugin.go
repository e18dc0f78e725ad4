package dynamicresources

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	resourcelisters "k8s.io/client-go/listers/resource/v1"
	clientcache "k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

// Name is the plugin's name in configurations.
const Name = "DynamicResources"

const filterKey framework.StateKey = "PreFilter" + Name

// Plugin holds pods back whose resource claims are not allocated.
type Plugin struct {
	claims resourcelisters.ResourceClaimLister
	synced clientcache.DoneChecker

	elsewhere *framework.Status
}

var (
	_ framework.PreFilterPlugin   = &Plugin{}
	_ framework.FilterPlugin      = &Plugin{}
	_ framework.EnqueueExtensions = &Plugin{}
)

// New makes the plugin.
func New(_ context.Context, _ runtime.Object, handle framework.Handle) (framework.Plugin, error) {
	claims := handle.SharedInformerFactory().Resource().V1().ResourceClaims()
	return &Plugin{
		claims:    claims.Lister(),
		synced:    claims.Informer().HasSyncedChecker(),
		elsewhere: rejected("resourceclaim not available on the node"),
	}, nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// Synced is the claim informer's state.
func (p *Plugin) Synced() []clientcache.DoneChecker { return []clientcache.DoneChecker{p.synced} }

// selectors are the nodes where the claims of the pod of a cycle can be used.
type selectors []*v1.NodeSelector

// Clone returns the selectors themselves, which no one changes.
func (s selectors) Clone() framework.StateData { return s }

// PreFilter turns a pod down that has a claim which it cannot use yet, and skips pods without claims.
func (p *Plugin) PreFilter(_ context.Context, state framework.CycleState, pod *v1.Pod, _ []framework.NodeInfo) (*framework.PreFilterResult, *framework.Status) {
	if len(pod.Spec.ResourceClaims) == 0 {
		return nil, framework.NewStatus(framework.Skip)
	}
	var nodes selectors
	for i := range pod.Spec.ResourceClaims {
		claim, status := p.usable(pod, &pod.Spec.ResourceClaims[i])
		if !status.IsSuccess() {
			return nil, status
		}
		if claim != nil && claim.Status.Allocation.NodeSelector != nil {
			nodes = append(nodes, claim.Status.Allocation.NodeSelector)
		}
	}
	state.Write(filterKey, nodes)
	return nil, nil
}

// usable is the claim that an entry of a pod names, if it is allocated and reserved for the pod; nil if the entry has come
// to need none.
func (p *Plugin) usable(pod *v1.Pod, entry *v1.PodResourceClaim) (*resourceapi.ResourceClaim, *framework.Status) {
	name, generated, err := resourceclaim.Name(pod, entry)
	if err != nil {
		return nil, rejected("%s", err)
	}
	if name == nil {
		return nil, nil
	}
	claim, err := p.claims.ResourceClaims(pod.Namespace).Get(*name)
	switch {
	case apierrors.IsNotFound(err):
		return nil, rejected("resourceclaim %q not found", *name)
	case err != nil:
		return nil, framework.AsStatus(fmt.Errorf("get resource claim %q: %w", *name, err))
	case claim.DeletionTimestamp != nil:
		return nil, rejected("resourceclaim %q is being deleted", *name)
	}
	if generated {
		if err := resourceclaim.IsForPod(pod, claim, false); err != nil {
			return nil, rejected("%s", err)
		}
	}
	switch {
	case claim.Status.Allocation == nil:
		return nil, rejected("resourceclaim %q is not allocated, and this scheduler does not allocate resource claims yet", *name)
	case !resourceclaim.IsReservedForPod(pod, claim, false):
		return nil, rejected("resourceclaim %q is not reserved for the pod, and this scheduler does not reserve resource claims yet", *name)
	}
	return claim, nil
}

func rejected(format string, args ...any) *framework.Status {
	return framework.NewStatus(framework.UnschedulableAndUnresolvable, fmt.Sprintf(format, args...)).WithPlugin(Name)
}

// PreFilterExtensions is nil: claims do not depend on other pods.
func (*Plugin) PreFilterExtensions() framework.PreFilterExtensions { return nil }

// Filter turns a node down on which one of the pod's claims cannot be used.
func (p *Plugin) Filter(_ context.Context, state framework.CycleState, _ *v1.Pod, node framework.NodeInfo) *framework.Status {
	data, err := state.Read(filterKey)
	if err != nil {
		return framework.AsStatus(err)
	}
	for _, selector := range data.(selectors) {
		// A term that cannot be parsed matches no node.
		if match, _ := corev1.MatchNodeSelectorTerms(node.Node(), selector); !match {
			return p.elsewhere
		}
	}
	return nil
}

// EventsToRegister are claims that come or change, the pod's generated claims, and nodes that come or change labels.
func (p *Plugin) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	return []framework.ClusterEventWithHint{
		{
			Event:          framework.ClusterEvent{Resource: framework.ResourceClaim, ActionType: framework.Add | framework.Update},
			QueueingHintFn: p.afterClaimChange,
		},
		{
			Event:          framework.ClusterEvent{Resource: framework.Pod, ActionType: framework.UpdatePodGeneratedResourceClaim},
			QueueingHintFn: p.afterPodChange,
		},
		{Event: framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add | framework.UpdateNodeLabel | framework.UpdateNodeTaint}},
	}, nil
}

// afterClaimChange helps if the claim is the pod's.
func (p *Plugin) afterClaimChange(_ klog.Logger, pod *v1.Pod, _, newObj any) (framework.QueueingHint, error) {
	claim, ok := newObj.(*resourceapi.ResourceClaim)
	if !ok {
		return framework.Queue, fmt.Errorf("want a resource claim, got %T", newObj)
	}
	if claim.Namespace != pod.Namespace {
		return framework.QueueSkip, nil
	}
	for i := range pod.Spec.ResourceClaims {
		if name, _, err := resourceclaim.Name(pod, &pod.Spec.ResourceClaims[i]); err == nil && name != nil && *name == claim.Name {
			return framework.Queue, nil
		}
	}
	return framework.QueueSkip, nil
}

// afterPodChange helps if it is the pod itself that has got its claims.
func (p *Plugin) afterPodChange(_ klog.Logger, pod *v1.Pod, _, newObj any) (framework.QueueingHint, error) {
	changed, ok := newObj.(*v1.Pod)
	if !ok {
		return framework.Queue, fmt.Errorf("want a pod, got %T", newObj)
	}
	if changed.UID == pod.UID {
		return framework.Queue, nil
	}
	return framework.QueueSkip, nil
}
