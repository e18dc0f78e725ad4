package core

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func pod(forbidPrivileged bool) apidef.Definition {
	type object = *corev1.Pod
	return (&apidef.Resource[corev1.Pod, object]{
		Names: apidef.Names{
			Kind:       corev1.SchemeGroupVersion.WithKind("Pod"),
			Plural:     "pods",
			Singular:   "pod",
			ShortNames: []string{"po"},
			Categories: []string{"all"},
		},
		NewList:        func() runtime.Object { return &corev1.PodList{} },
		Normalize:      rules.NormalizePod,
		Default:        rules.SetPodDefaults,
		Validate:       validatePod(forbidPrivileged),
		ValidateUpdate: rules.ValidatePodUpdate,
		ValidateStatus: rules.ValidatePodStatusUpdate,
		Warnings:       rules.PodWarnings,
		PrepareCreate:  preparePod,
		Graceful:       podGrace,
		ReturnDeleted:  true,
		Spec:           apidef.Field(func(p object) *corev1.PodSpec { return &p.Spec }),
		Status:         apidef.Field(func(p object) *corev1.PodStatus { return &p.Status }),
		PrepareStatus:  keepPodStatus,
		Subresources: []apidef.Subresource[object]{
			{Name: "ephemeralcontainers", Prepare: onlyEphemeralContainers, Validate: validateEphemeral(forbidPrivileged)},
			{Name: "resize", Prepare: rules.PreparePodResize, Validate: rules.ValidatePodResize},
		},
		Fields: map[string]func(object) string{
			"spec.nodeName":            func(p object) string { return p.Spec.NodeName },
			"spec.restartPolicy":       func(p object) string { return string(p.Spec.RestartPolicy) },
			"spec.schedulerName":       func(p object) string { return p.Spec.SchedulerName },
			"spec.serviceAccountName":  func(p object) string { return p.Spec.ServiceAccountName },
			"spec.hostNetwork":         func(p object) string { return strconv.FormatBool(p.Spec.HostNetwork) },
			"status.phase":             func(p object) string { return string(p.Status.Phase) },
			"status.podIP":             func(p object) string { return podIP(p) },
			"status.nominatedNodeName": func(p object) string { return p.Status.NominatedNodeName },
		},
		Indexed:       "spec.nodeName",
		Columns:       podColumns(),
		RowConditions: podEnd,
	}).Define()
}

// validatePod adds to the rules of pods that of the flag --allow-privileged.
func validatePod(forbidPrivileged bool) func(*corev1.Pod) field.ErrorList {
	if !forbidPrivileged {
		return rules.ValidatePod
	}
	return func(p *corev1.Pod) field.ErrorList { return append(rules.ValidatePod(p), privileged(p)...) }
}

// validateEphemeral is the same for containers that a pod gets later.
func validateEphemeral(forbidPrivileged bool) func(new, old *corev1.Pod) field.ErrorList {
	if !forbidPrivileged {
		return rules.ValidatePodEphemeralContainersUpdate
	}
	return func(new, old *corev1.Pod) field.ErrorList {
		return append(rules.ValidatePodEphemeralContainersUpdate(new, old), privileged(new)...)
	}
}

// privileged refuses every container that wants to be.
func privileged(p *corev1.Pod) field.ErrorList {
	var errs field.ErrorList
	refuse := func(name string, i int, c *corev1.SecurityContext) {
		if c != nil && c.Privileged != nil && *c.Privileged {
			errs = append(errs, field.Forbidden(field.NewPath("spec", name).Index(i).Child("securityContext", "privileged"), "disallowed by cluster policy"))
		}
	}
	for i, c := range p.Spec.InitContainers {
		refuse("initContainers", i, c.SecurityContext)
	}
	for i, c := range p.Spec.Containers {
		refuse("containers", i, c.SecurityContext)
	}
	for i, c := range p.Spec.EphemeralContainers {
		refuse("ephemeralContainers", i, c.SecurityContext)
	}
	return errs
}

// podGrace decides how long a pod has to end: not at all if nothing of it can be running.
func podGrace(p *corev1.Pod, o *metav1.DeleteOptions) bool {
	if o == nil {
		return false
	}
	var period int64
	if p.Spec.TerminationGracePeriodSeconds != nil {
		period = *p.Spec.TerminationGracePeriodSeconds
	}
	if o.GracePeriodSeconds != nil {
		period = *o.GracePeriodSeconds
	}
	switch {
	case p.Spec.NodeName == "", p.Status.Phase == corev1.PodFailed, p.Status.Phase == corev1.PodSucceeded:
		period = 0
	case period < 0:
		period = 1
	}
	o.GracePeriodSeconds = &period
	return true
}
