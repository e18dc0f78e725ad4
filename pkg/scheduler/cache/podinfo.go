package cache

import (
	"fmt"
	"maps"
	"sync/atomic"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/kube-scheduler/framework"
)

// What a container that requests nothing counts for when nodes are ranked, so that many such pods do not all land on
// one node. It plays no part in whether a pod fits.
const (
	DefaultMilliCPURequest int64 = 100
	DefaultMemoryRequest   int64 = 200 * 1024 * 1024
)

// PodInfo is a pod with all that is computed from it once: its requests and its affinity terms with parsed selectors.
// All but the pod's pointer is immutable.
type PodInfo struct {
	// pod may be replaced by a newer version that is the same for scheduling (its status has changed). NodeInfos that
	// hold the PodInfo stay valid then.
	pod                   atomic.Pointer[v1.Pod]
	requests              framework.PodResource
	requiredAffinity      []framework.AffinityTerm
	requiredAntiAffinity  []framework.AffinityTerm
	preferredAffinity     []framework.WeightedAffinityTerm
	preferredAntiAffinity []framework.WeightedAffinityTerm
}

var _ framework.PodInfo = &PodInfo{}

// NewPodInfo computes a pod's requests and affinity terms. An error says which selector could not be parsed; the
// PodInfo is usable then too, without the terms that follow the faulty one.
func NewPodInfo(pod *v1.Pod) (*PodInfo, error) {
	p := &PodInfo{requests: RequestsOf(pod)}
	p.pod.Store(pod)
	return p, p.parseAffinity(pod)
}

// refresh takes over a newer version of the pod if it counts the same on its node: what else scheduling looks at in a
// pod with a node cannot change.
func (p *PodInfo) refresh(pod *v1.Pod) bool {
	old := p.pod.Load()
	if !maps.Equal(old.Labels, pod.Labels) || (old.DeletionTimestamp == nil) != (pod.DeletionTimestamp == nil) {
		return false
	}
	// A generation of zero comes from an API server that does not count them.
	if (old.Generation != pod.Generation || pod.Generation == 0 || reportsResources(old) || reportsResources(pod)) &&
		!equalRequests(p.requests, RequestsOf(pod)) {
		return false
	}
	p.pod.Store(pod)
	return true
}

func equalRequests(a, b framework.PodResource) bool {
	return a.Non0CPU == b.Non0CPU && a.Non0Mem == b.Non0Mem &&
		a.Resource.GetMilliCPU() == b.Resource.GetMilliCPU() &&
		a.Resource.GetMemory() == b.Resource.GetMemory() &&
		a.Resource.GetEphemeralStorage() == b.Resource.GetEphemeralStorage() &&
		maps.Equal(a.Resource.GetScalarResources(), b.Resource.GetScalarResources())
}

// reportsResources tells whether the pod's node has reported resources for it, which an in-place resize makes count.
func reportsResources(pod *v1.Pod) bool {
	if pod.Status.Resources != nil || len(pod.Status.NodeAllocatableResourceClaimStatuses) > 0 {
		return true
	}
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].Resources != nil {
			return true
		}
	}
	for i := range pod.Status.InitContainerStatuses {
		if pod.Status.InitContainerStatuses[i].Resources != nil {
			return true
		}
	}
	return false
}

// GetPod is the pod itself. Read-only.
func (p *PodInfo) GetPod() *v1.Pod { return p.pod.Load() }

// GetRequiredAffinityTerms are the pod affinity terms that must hold.
func (p *PodInfo) GetRequiredAffinityTerms() []framework.AffinityTerm { return p.requiredAffinity }

// GetRequiredAntiAffinityTerms are the pod anti-affinity terms that must hold.
func (p *PodInfo) GetRequiredAntiAffinityTerms() []framework.AffinityTerm {
	return p.requiredAntiAffinity
}

// GetPreferredAffinityTerms are the pod affinity terms that should hold.
func (p *PodInfo) GetPreferredAffinityTerms() []framework.WeightedAffinityTerm {
	return p.preferredAffinity
}

// GetPreferredAntiAffinityTerms are the pod anti-affinity terms that should hold.
func (p *PodInfo) GetPreferredAntiAffinityTerms() []framework.WeightedAffinityTerm {
	return p.preferredAntiAffinity
}

// CalculateResource is what the pod requests.
func (p *PodInfo) CalculateResource() framework.PodResource { return p.requests }

func (p *PodInfo) hasAffinity() bool {
	return len(p.requiredAffinity)+len(p.requiredAntiAffinity)+len(p.preferredAffinity)+len(p.preferredAntiAffinity) > 0
}

func (p *PodInfo) parseAffinity(pod *v1.Pod) error {
	affinity := pod.Spec.Affinity
	if affinity == nil {
		return nil
	}
	var err error
	if a := affinity.PodAffinity; a != nil {
		if p.requiredAffinity, err = framework.GetAffinityTerms(pod, a.RequiredDuringSchedulingIgnoredDuringExecution); err != nil {
			return fmt.Errorf("parse required pod affinity: %w", err)
		}
		if p.preferredAffinity, err = framework.GetWeightedAffinityTerms(pod, a.PreferredDuringSchedulingIgnoredDuringExecution); err != nil {
			return fmt.Errorf("parse preferred pod affinity: %w", err)
		}
	}
	if a := affinity.PodAntiAffinity; a != nil {
		if p.requiredAntiAffinity, err = framework.GetAffinityTerms(pod, a.RequiredDuringSchedulingIgnoredDuringExecution); err != nil {
			return fmt.Errorf("parse required pod anti-affinity: %w", err)
		}
		if p.preferredAntiAffinity, err = framework.GetWeightedAffinityTerms(pod, a.PreferredDuringSchedulingIgnoredDuringExecution); err != nil {
			return fmt.Errorf("parse preferred pod anti-affinity: %w", err)
		}
	}
	return nil
}

// Requests is what a pod requests: the larger of what its spec asks for and what its node has set aside for it
// during an in-place resize (KEP-1287), with pod-level resources (KEP-2837) and overhead.
func Requests(pod *v1.Pod) v1.ResourceList {
	return resourcehelper.PodRequests(pod, requestOptions(nil))
}

func requestOptions(nonMissing v1.ResourceList) resourcehelper.PodResourcesOptions {
	return resourcehelper.PodResourcesOptions{
		UseStatusResources: true,
		InPlacePodLevelResourcesVerticalScalingEnabled: true,
		NonMissingContainerRequests:                    nonMissing,
	}
}

// RequestsOf is what a pod requests, and what it counts for when nodes are ranked.
func RequestsOf(pod *v1.Pod) framework.PodResource {
	list := Requests(pod)
	r := NewResource(list)
	result := framework.PodResource{Resource: &r, Non0CPU: r.MilliCPU, Non0Mem: r.Memory}
	missing := missingDefaults(pod, list)
	if len(missing) == 0 {
		return result
	}
	list = resourcehelper.PodRequests(pod, requestOptions(missing))
	result.Non0CPU, result.Non0Mem = list.Cpu().MilliValue(), list.Memory().Value()
	return result
}

// missingDefaults are the default requests for containers that leave cpu or memory out. A pod-level request speaks
// for all containers, so it needs none.
func missingDefaults(pod *v1.Pod, list v1.ResourceList) v1.ResourceList {
	podLevel := resourcehelper.IsPodLevelRequestsSet(pod)
	var missing v1.ResourceList
	for name, amount := range map[v1.ResourceName]*resource.Quantity{
		v1.ResourceCPU:    resource.NewMilliQuantity(DefaultMilliCPURequest, resource.DecimalSI),
		v1.ResourceMemory: resource.NewQuantity(DefaultMemoryRequest, resource.DecimalSI),
	} {
		if _, requested := list[name]; podLevel && requested || requestedByAll(pod, name) {
			continue
		}
		if missing == nil {
			missing = v1.ResourceList{}
		}
		missing[name] = *amount
	}
	return missing
}

func requestedByAll(pod *v1.Pod, name v1.ResourceName) bool {
	for i := range pod.Spec.Containers {
		if _, ok := pod.Spec.Containers[i].Resources.Requests[name]; !ok {
			return false
		}
	}
	for i := range pod.Spec.InitContainers {
		if _, ok := pod.Spec.InitContainers[i].Resources.Requests[name]; !ok {
			return false
		}
	}
	return true
}
