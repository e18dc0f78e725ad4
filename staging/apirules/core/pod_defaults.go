package core

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
	"k8s.io/utils/ptr"
)

// SetPodDefaults fills what a pod leaves unset. Beyond SetPodSpecDefaults, which templates get too, it completes requests
// from limits, host ports of pods on the host's network and enableServiceLinks.
func SetPodDefaults(pod *v1.Pod) {
	SetPodSpecDefaults(&pod.Spec)
	for i := range pod.Spec.InitContainers {
		requestsFromLimits(&pod.Spec.InitContainers[i].Resources)
	}
	for i := range pod.Spec.Containers {
		requestsFromLimits(&pod.Spec.Containers[i].Resources)
	}
	if pod.Spec.Resources != nil {
		podHugePageLimits(pod)
		podRequests(pod)
	}
	if pod.Spec.EnableServiceLinks == nil {
		pod.Spec.EnableServiceLinks = ptr.To(v1.DefaultEnableServiceLinks)
	}
	if pod.Spec.HostNetwork {
		hostPorts(pod.Spec.InitContainers)
		hostPorts(pod.Spec.Containers)
	}
	setPodStatusDefaults(&pod.Status)
}

func setPodStatusDefaults(s *v1.PodStatus) {
	for _, list := range [][]v1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses, s.EphemeralContainerStatuses} {
		for i := range list {
			roundResources(list[i].AllocatedResources)
			if r := list[i].Resources; r != nil {
				roundResources(r.Limits)
				roundResources(r.Requests)
			}
		}
	}
	roundResources(s.AllocatedResources)
	if s.Resources != nil {
		roundResources(s.Resources.Limits)
		roundResources(s.Resources.Requests)
	}
}

// SetPodTemplateDefaults fills what the template of a PodTemplate leaves unset.
func SetPodTemplateDefaults(t *v1.PodTemplate) { SetPodTemplateSpecDefaults(&t.Template) }

// SetPodTemplateSpecDefaults fills what a pod template leaves unset. A template gets less than a pod: what depends on
// several fields is decided when the pod is made.
func SetPodTemplateSpecDefaults(t *v1.PodTemplateSpec) { SetPodSpecDefaults(&t.Spec) }

// SetPodSpecDefaults fills what a pod spec leaves unset, be it a pod's or a template's.
func SetPodSpecDefaults(s *v1.PodSpec) {
	if s.DNSPolicy == "" {
		s.DNSPolicy = v1.DNSClusterFirst
	}
	if s.RestartPolicy == "" {
		s.RestartPolicy = v1.RestartPolicyAlways
	}
	if s.SecurityContext == nil {
		s.SecurityContext = &v1.PodSecurityContext{}
	}
	if s.TerminationGracePeriodSeconds == nil {
		s.TerminationGracePeriodSeconds = ptr.To(int64(v1.DefaultTerminationGracePeriodSeconds))
	}
	if s.SchedulerName == "" {
		s.SchedulerName = v1.DefaultSchedulerName
	}
	roundResources(s.Overhead)
	if s.Resources != nil {
		roundResources(s.Resources.Limits)
		roundResources(s.Resources.Requests)
	}
	for i := range s.Volumes {
		setVolumeDefaults(&s.Volumes[i])
	}
	for i := range s.InitContainers {
		setContainerDefaults(&s.InitContainers[i])
	}
	for i := range s.Containers {
		setContainerDefaults(&s.Containers[i])
	}
	for i := range s.EphemeralContainers {
		setContainerDefaults((*v1.Container)(&s.EphemeralContainers[i].EphemeralContainerCommon))
	}
}

func setContainerDefaults(c *v1.Container) {
	if c.ImagePullPolicy == "" {
		c.ImagePullPolicy = pullPolicyFor(c.Image)
	}
	if c.TerminationMessagePath == "" {
		c.TerminationMessagePath = v1.TerminationMessagePathDefault
	}
	if c.TerminationMessagePolicy == "" {
		c.TerminationMessagePolicy = v1.TerminationMessageReadFile
	}
	for i := range c.Ports {
		if c.Ports[i].Protocol == "" {
			c.Ports[i].Protocol = v1.ProtocolTCP
		}
	}
	for i := range c.Env {
		if from := c.Env[i].ValueFrom; from != nil {
			setFieldRefDefaults(from.FieldRef)
			if from.FileKeyRef != nil && from.FileKeyRef.Optional == nil {
				from.FileKeyRef.Optional = ptr.To(false)
			}
		}
	}
	roundResources(c.Resources.Limits)
	roundResources(c.Resources.Requests)
	setProbeDefaults(c.LivenessProbe)
	setProbeDefaults(c.ReadinessProbe)
	setProbeDefaults(c.StartupProbe)
	if c.Lifecycle != nil {
		for _, h := range []*v1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
			if h != nil {
				setHTTPGetDefaults(h.HTTPGet)
			}
		}
	}
}

func setProbeDefaults(p *v1.Probe) {
	if p == nil {
		return
	}
	orElse(&p.TimeoutSeconds, 1)
	orElse(&p.PeriodSeconds, 10)
	orElse(&p.SuccessThreshold, 1)
	orElse(&p.FailureThreshold, 3)
	setHTTPGetDefaults(p.HTTPGet)
	if p.GRPC != nil && p.GRPC.Service == nil {
		p.GRPC.Service = ptr.To("")
	}
}

func setHTTPGetDefaults(h *v1.HTTPGetAction) {
	if h == nil {
		return
	}
	orElse(&h.Path, "/")
	orElse(&h.Scheme, v1.URISchemeHTTP)
}

func setFieldRefDefaults(f *v1.ObjectFieldSelector) {
	if f != nil {
		orElse(&f.APIVersion, "v1")
	}
}

// orElse fills an empty field.
func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// orElsePtr fills an absent field.
func orElsePtr[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

// hostPorts gives every port of a pod on the host's network the host port that it occupies anyway.
func hostPorts(containers []v1.Container) {
	for i := range containers {
		for j := range containers[i].Ports {
			orElse(&containers[i].Ports[j].HostPort, containers[i].Ports[j].ContainerPort)
		}
	}
}

// roundResources rounds quantities up to milli units, the finest that the API keeps.
func roundResources(list v1.ResourceList) {
	for name, q := range list {
		q.RoundUp(-3)
		list[name] = q
	}
}

// requestsFromLimits completes the requests by the limits.
func requestsFromLimits(r *v1.ResourceRequirements) {
	if r.Limits == nil {
		return
	}
	if r.Requests == nil {
		r.Requests = v1.ResourceList{}
	}
	for name, limit := range r.Limits {
		if _, ok := r.Requests[name]; !ok {
			r.Requests[name] = limit.DeepCopy()
		}
	}
}

// podHugePageLimits completes pod-level limits by the sum of the containers' huge page limits (KEP-2837).
func podHugePageLimits(pod *v1.Pod) {
	r := pod.Spec.Resources
	if len(r.Limits) == 0 && len(r.Requests) == 0 {
		return
	}
	for name, sum := range resource.AggregateContainerLimits(pod, resource.PodResourcesOptions{}) {
		if _, ok := r.Limits[name]; ok || !strings.HasPrefix(string(name), v1.ResourceHugePagesPrefix) {
			continue
		}
		if r.Limits == nil {
			r.Limits = v1.ResourceList{}
		}
		r.Limits[name] = sum.DeepCopy()
	}
}

// podRequests completes pod-level requests: by the containers' sum where they state any, else by the pod-level limit
// (KEP-2837). Pods without pod-level limits are left alone.
func podRequests(pod *v1.Pod) {
	r := pod.Spec.Resources
	if len(r.Limits) == 0 {
		return
	}
	requests := v1.ResourceList{}
	for name, sum := range resource.AggregateContainerRequests(pod, resource.PodResourcesOptions{}) {
		if resource.IsSupportedPodLevelResource(name) && overcommitAllowed(name) {
			requests[name] = sum.DeepCopy()
		}
	}
	for name, limit := range r.Limits {
		if _, ok := requests[name]; !ok && resource.IsSupportedPodLevelResource(name) {
			requests[name] = limit.DeepCopy()
		}
	}
	for name, request := range r.Requests {
		requests[name] = request
	}
	if len(requests) > 0 {
		r.Requests = requests
	}
}
