package quota

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/component-helpers/resource"
	"k8s.io/utils/clock"

	podquestions "github.com/proa-sh/proa/pkg/pods"
)

const (
	countPods      corev1.ResourceName = "count/pods"
	requestsPrefix                     = corev1.DefaultResourceRequestsPrefix
)

// podResources are the names in a quota that pods use, besides huge pages and extended resources.
func podResources() []corev1.ResourceName {
	return append(computeResources(), countPods, corev1.ResourcePods)
}

// computeResources are those that every container has to speak about when a quota limits them.
func computeResources() []corev1.ResourceName {
	return []corev1.ResourceName{
		corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage,
		corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceRequestsEphemeralStorage,
		corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory, corev1.ResourceLimitsEphemeralStorage,
	}
}

func pods(list quota.ListerForResourceFunc, now clock.PassiveClock) quota.Evaluator {
	return &evaluator{
		resource: corev1.Resource("pods"),
		handles: func(a admission.Attributes) bool {
			return created(a) || a.GetSubresource() == "resize" && a.GetOperation() == admission.Update
		},
		names: among(podResources(), func(n corev1.ResourceName) bool {
			return strings.HasPrefix(string(n), corev1.ResourceHugePagesPrefix) || strings.HasPrefix(string(n), corev1.ResourceRequestsHugePagesPrefix) || isExtended(n)
		}),
		usage:       func(o runtime.Object) (corev1.ResourceList, error) { return podUsage(o, now) },
		list:        generic.ListResourceUsingListerFunc(list, corev1.SchemeGroupVersion.WithResource("pods")),
		scope:       podScope,
		constraints: podConstraints,
	}
}

// isExtended reports whether a quota's name is that of requests of an extended resource: requests.<domain>/<name>.
func isExtended(n corev1.ResourceName) bool {
	name, ok := strings.CutPrefix(string(n), requestsPrefix)
	return ok && extended(corev1.ResourceName(name))
}

// extended reports whether a container's resource is of somebody else's domain.
func extended(n corev1.ResourceName) bool {
	domain, _, ok := strings.Cut(string(n), "/")
	return ok && domain != "kubernetes.io" && !strings.HasSuffix(domain, ".kubernetes.io")
}

// podUsage is what a pod costs: its object as long as it exists, the rest until it has ended.
func podUsage(o runtime.Object, now clock.PassiveClock) (corev1.ResourceList, error) {
	pod, ok := o.(*corev1.Pod)
	if !ok {
		return nil, fmt.Errorf("evaluate quota of a pod: got a %T", o)
	}
	out := corev1.ResourceList{countPods: one()}
	if !counts(pod, now) {
		return out, nil
	}
	out[corev1.ResourcePods] = one()
	for name, q := range resource.PodRequests(pod, resource.PodResourcesOptions{}) {
		switch {
		case name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage,
			strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix):
			out[name], out[requestsPrefix+name] = q, q
		case extended(name):
			out[requestsPrefix+name] = q
		}
	}
	for name, q := range resource.PodLimits(pod, resource.PodResourcesOptions{}) {
		switch name {
		case corev1.ResourceCPU:
			out[corev1.ResourceLimitsCPU] = q
		case corev1.ResourceMemory:
			out[corev1.ResourceLimitsMemory] = q
		case corev1.ResourceEphemeralStorage:
			out[corev1.ResourceLimitsEphemeralStorage] = q
		}
	}
	return out, nil
}

// counts reports whether the pod uses anything: not when it has ended, nor when its node has been silent about its end
// for longer than the pod had to end.
func counts(pod *corev1.Pod, now clock.PassiveClock) bool {
	if podquestions.IsTerminal(pod) {
		return false
	}
	if pod.DeletionTimestamp == nil || pod.DeletionGracePeriodSeconds == nil {
		return true
	}
	grace := time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second
	return !now.Now().After(pod.DeletionTimestamp.Add(grace))
}

// podConstraints refuses a pod with a container that does not say how much it needs of a compute resource that is limited.
func podConstraints(required []corev1.ResourceName, o runtime.Object) error {
	pod, ok := o.(*corev1.Pod)
	if !ok {
		return fmt.Errorf("evaluate quota of a pod: got a %T", o)
	}
	wanted := sets.New(quota.Intersection(required, computeResources())...)
	if pod.Spec.Resources != nil {
		// What is set for the whole pod need not be said of its containers.
		wanted = wanted.Difference(said(*pod.Spec.Resources))
	}
	silent := map[corev1.ResourceName][]string{}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for name := range wanted.Difference(said(c.Resources)) {
			silent[name] = append(silent[name], c.Name)
		}
	}
	if len(silent) == 0 {
		return nil
	}
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(silent)) {
		faults = append(faults, fmt.Sprintf("%s for: %s", name, strings.Join(silent[name], ",")))
	}
	return fmt.Errorf("must specify %s", strings.Join(faults, "; "))
}

// said are a quota's names of what requests and limits speak about.
func said(r corev1.ResourceRequirements) sets.Set[corev1.ResourceName] {
	out := sets.New[corev1.ResourceName]()
	for name := range r.Requests {
		out.Insert(name, requestsPrefix+name)
	}
	for name := range r.Limits {
		out.Insert("limits." + name)
	}
	return out
}
