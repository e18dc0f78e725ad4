package core

import (
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/net"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidatePodStatusUpdate rules what the kubelet and the scheduler report about a pod.
func ValidatePodStatusUpdate(newPod, oldPod *v1.Pod) field.ErrorList {
	p := field.NewPath("status")
	errs := meta.Update(&newPod.ObjectMeta, &oldPod.ObjectMeta)
	errs = append(errs, podAnnotations(newPod.Annotations, &newPod.Spec, field.NewPath("metadata", "annotations"), !validDeletionCost(oldPod.Annotations))...)
	errs = append(errs, podConditions(newPod.Status.Conditions, p.Child("conditions"))...)
	if nominated := newPod.Status.NominatedNodeName; nominated != "" {
		errs = append(errs, meta.Invalid(nominated, p.Child("nominatedNodeName"), validation.IsDNS1123Subdomain(nominated))...)
	}
	if newPod.Spec.NodeName != oldPod.Spec.NodeName {
		errs = append(errs, field.Forbidden(p.Child("nodeName"), "may not be changed directly"))
	}
	errs = append(errs, terminatedStays(newPod, oldPod, p)...)
	errs = append(errs, claimStatuses(newPod, p.Child("resourceClaimStatuses"))...)
	if oldPod.Status.QOSClass != "" {
		errs = append(errs, meta.Immutable(newPod.Status.QOSClass, oldPod.Status.QOSClass, p.Child("qosClass"))...)
	}
	errs = append(errs, statusIPs(newPod, oldPod)...)
	if newPod.Status.ObservedGeneration < 0 {
		errs = append(errs, field.Invalid(p.Child("observedGeneration"), newPod.Status.ObservedGeneration, meta.MustBeNonNegative))
	}
	return append(errs, validateExtendedStatus(&newPod.Status)...)
}

// podConditions wants condition types to have the form of label keys where they belong to a readiness gate.
func podConditions(list []v1.PodCondition, p *field.Path) field.ErrorList {
	own := sets.New(v1.PodScheduled, v1.PodReady, v1.PodInitialized)
	var errs field.ErrorList
	for i, c := range list {
		if c.ObservedGeneration < 0 {
			errs = append(errs, field.Invalid(p.Index(i).Child("observedGeneration"), c.ObservedGeneration, meta.MustBeNonNegative))
		}
		if !own.Has(c.Type) {
			errs = append(errs, meta.QualifiedName(string(c.Type), p.Index(i).Child("Type"))...)
		}
	}
	return errs
}

// terminatedStays forbids that containers which never run again come back to life.
func terminatedStays(newPod, oldPod *v1.Pod, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	spec := &oldPod.Spec
	if spec.RestartPolicy != v1.RestartPolicyAlways && !allMayRestart(spec) {
		errs = append(errs, backToLife(newPod.Status.ContainerStatuses, oldPod.Status.ContainerStatuses, spec.Containers, spec.RestartPolicy, p.Child("containerStatuses"))...)
		errs = append(errs, backToLife(newPod.Status.InitContainerStatuses, oldPod.Status.InitContainerStatuses, spec.InitContainers, spec.RestartPolicy, p.Child("initContainerStatuses"))...)
	}
	return errs
}

// allMayRestart says whether the end of one container can start all the others anew, whatever their own policy and rules
// are (KEP-5532).
func allMayRestart(s *v1.PodSpec) bool {
	may := false
	forEachContainer(s, func(c *v1.Container) {
		may = may || slices.ContainsFunc(c.RestartPolicyRules, func(r v1.ContainerRestartRule) bool {
			return r.Action == v1.ContainerRestartRuleActionRestartAllContainers
		})
	})
	return may
}

func backToLife(newS, oldS []v1.ContainerStatus, containers []v1.Container, policy v1.RestartPolicy, p *field.Path) field.ErrorList {
	ownPolicy := map[string]*v1.Container{}
	for i := range containers {
		ownPolicy[containers[i].Name] = &containers[i]
	}
	var errs field.ErrorList
	for _, old := range oldS {
		if old.State.Terminated == nil || old.State.Terminated.ExitCode != 0 && policy == v1.RestartPolicyOnFailure {
			continue
		}
		if c := ownPolicy[old.Name]; c != nil && restartsByItself(c) {
			continue
		}
		for i := range newS {
			if newS[i].Name == old.Name && newS[i].State.Terminated == nil {
				errs = append(errs, field.Forbidden(p.Index(i).Child("state"), "may not be transitioned to non-terminated state"))
			}
		}
	}
	return errs
}

// restartsByItself says whether a container's own policy or rules can start it anew where the pod's policy would not.
func restartsByItself(c *v1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy != v1.ContainerRestartPolicyNever || len(c.RestartPolicyRules) > 0
}

func claimStatuses(pod *v1.Pod, p *field.Path) field.ErrorList {
	declared := sets.New[string]()
	for _, c := range pod.Spec.ResourceClaims {
		declared.Insert(c.Name)
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, s := range pod.Status.ResourceClaimStatuses {
		sp := p.Index(i)
		if seen.Has(s.Name) {
			errs = append(errs, duplicateName(sp, s.Name))
		}
		seen.Insert(s.Name)
		errs = append(errs, meta.Invalid(s.Name, sp.Child("name"), validation.IsDNS1123Label(s.Name))...)
		if !declared.Has(s.Name) {
			errs = append(errs, field.Invalid(sp.Child("name"), s.Name, "must match the name of an entry in `spec.resourceClaims`"))
		}
		if s.ResourceClaimName != nil {
			errs = append(errs, meta.Invalid(*s.ResourceClaimName, sp.Child("resourceClaimName"), validation.IsDNS1123Subdomain(*s.ResourceClaimName))...)
		}
	}
	return errs
}

// validateExtendedStatus rules the claim that the scheduler made for extended resources (KEP-5004).
func validateExtendedStatus(s *v1.PodStatus) field.ErrorList {
	e := s.ExtendedResourceClaimStatus
	if e == nil {
		return nil
	}
	p := field.NewPath("status", "extendedResourceClaimStatus")
	errs := meta.DNSSubdomain(e.ResourceClaimName, p.Child("resourceClaimName"))
	for i, m := range e.RequestMappings {
		mp := p.Child("requestMappings").Index(i)
		errs = append(errs, meta.DNSLabel(m.ContainerName, mp.Child("containerName"))...)
		errs = append(errs, resourceName(v1.ResourceName(m.ResourceName), mp.Child("resourceName"))...)
		errs = append(errs, meta.Required(m.RequestName, mp.Child("requestName"))...)
	}
	return errs
}

// statusIPs allows one address of each family.
func statusIPs(newPod, oldPod *v1.Pod) field.ErrorList {
	podIPs, hostIPs := make([]string, 0, 2), make([]string, 0, 2)
	for _, ip := range newPod.Status.PodIPs {
		podIPs = append(podIPs, ip.IP)
	}
	for _, ip := range newPod.Status.HostIPs {
		hostIPs = append(hostIPs, ip.IP)
	}
	p := field.NewPath("status")
	var errs field.ErrorList
	if !apiequality.Semantic.DeepEqual(newPod.Status.PodIPs, oldPod.Status.PodIPs) {
		errs = append(errs, oneOfEachFamily(podIPs, p.Child("podIPs"))...)
	}
	if apiequality.Semantic.DeepEqual(newPod.Status.HostIPs, oldPod.Status.HostIPs) {
		return errs
	}
	if len(hostIPs) > 0 && newPod.Status.HostIP != hostIPs[0] {
		errs = append(errs, field.Invalid(p.Child("hostIPs").Index(0).Child("ip"), hostIPs[0], "must be equal to `hostIP`"))
	}
	return append(errs, oneOfEachFamily(hostIPs, p.Child("hostIPs"))...)
}

func oneOfEachFamily(ips []string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, ip := range ips {
		errs = append(errs, validation.IsValidIPForLegacyField(p.Index(i), ip, true, nil)...)
	}
	if len(errs) > 0 || len(ips) < 2 {
		return errs
	}
	if dual, err := net.IsDualStackIPStrings(ips); err != nil {
		errs = append(errs, field.InternalError(p, fmt.Errorf("failed to check for dual stack with error:%w", err)))
	} else if !dual || len(ips) > 2 {
		errs = append(errs, field.Invalid(p, ips, "may specify no more than one IP for each IP family"))
	}
	for i, ip := range ips {
		for _, other := range ips[:i] {
			if ip == other {
				errs = append(errs, field.Duplicate(p.Index(i), ip))
			}
		}
	}
	return errs
}
