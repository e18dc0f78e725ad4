package core

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	rules "github.com/proa-sh/proa/staging/apirules/core"
)

// preparePod sets a new pod's status and turns the label keys of its placement rules into selectors.
func preparePod(p *corev1.Pod) {
	rules.DropDisabledPodFields(&p.Spec, nil)
	p.Status = corev1.PodStatus{Phase: corev1.PodPending, QOSClass: rules.QOSClass(&p.Spec)}
	if len(p.Spec.SchedulingGates) > 0 {
		p.Status.Conditions = []corev1.PodCondition{{
			Type:    corev1.PodScheduled,
			Status:  corev1.ConditionFalse,
			Reason:  corev1.PodReasonSchedulingGated,
			Message: "Scheduling is blocked due to non-empty scheduling gates",
		}}
	}
	rules.MergeMatchLabelKeys(p)
}

// keepPodStatus restores what a kubelet that does not know a field of the status would wipe out.
func keepPodStatus(new, old *corev1.Pod) {
	if new.Status.QOSClass == "" {
		new.Status.QOSClass = old.Status.QOSClass
	}
	if new.Status.ObservedGeneration == 0 {
		new.Status.ObservedGeneration = old.Status.ObservedGeneration
	}
	for i := range new.Status.Conditions {
		c := &new.Status.Conditions[i]
		at := slices.IndexFunc(old.Status.Conditions, func(o corev1.PodCondition) bool { return o.Type == c.Type })
		if at >= 0 && c.ObservedGeneration == 0 {
			c.ObservedGeneration = old.Status.Conditions[at].ObservedGeneration
		}
	}
}

// onlyEphemeralContainers lets an update change the list of ephemeral containers and nothing else.
func onlyEphemeralContainers(new, old *corev1.Pod) {
	containers := new.Spec.EphemeralContainers
	keepPod(new, old)
	new.Spec.EphemeralContainers = containers
}

// keepPod makes new a copy of old, but for what tells who wrote it and which version of the pod was meant.
func keepPod(new, old *corev1.Pod) {
	version, managed := new.ResourceVersion, new.ManagedFields
	old.DeepCopyInto(new)
	new.ResourceVersion, new.ManagedFields = version, managed
}
