package statefulset

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/revisions"
)

// podName is the name of the pod with a number.
func podName(set *apps.StatefulSet, ordinal int) string {
	return set.Name + "-" + strconv.Itoa(ordinal)
}

// ordinalOf is the number of a pod of the set; ok is false when its name is not that of one.
func ordinalOf(set *apps.StatefulSet, pod *v1.Pod) (ordinal int, ok bool) {
	text, found := strings.CutPrefix(pod.Name, set.Name+"-")
	if !found {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || strconv.FormatUint(n, 10) != text {
		return 0, false
	}
	return int(n), true
}

// first and end are the numbers that the set's pods have: first, first+1, ... end-1.
func first(set *apps.StatefulSet) int {
	if set.Spec.Ordinals == nil {
		return 0
	}
	return int(set.Spec.Ordinals.Start)
}

func end(set *apps.StatefulSet) int { return first(set) + int(wanted(set)) }

// wanted is the wanted number of pods.
func wanted(set *apps.StatefulSet) int32 {
	if set.Spec.Replicas == nil {
		return 1
	}
	return *set.Spec.Replicas
}

// claimName is the name of a pod's claim of a template.
func claimName(set *apps.StatefulSet, template *v1.PersistentVolumeClaim, ordinal int) string {
	return fmt.Sprintf("%s-%s-%d", template.Name, set.Name, ordinal)
}

// podFor makes the pod with a number from a set, whose template is that of the revision with this name.
func podFor(set *apps.StatefulSet, revision string, ordinal int) *v1.Pod {
	pod := control.PodFromTemplate(&set.Spec.Template, set, kind())
	pod.GenerateName = set.Name + "-"
	pod.Name = podName(set, ordinal)
	identify(set, pod, ordinal)
	pod.Labels[revisions.HashLabel] = revision
	pod.Spec.Hostname = pod.Name
	pod.Spec.Subdomain = set.Spec.ServiceName
	return pod
}

// identify gives a pod what belongs to its number.
func identify(set *apps.StatefulSet, pod *v1.Pod, ordinal int) {
	pod.Labels = maps.Clone(pod.Labels)
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Labels[apps.StatefulSetPodNameLabel] = pod.Name
	pod.Labels[apps.PodIndexLabel] = strconv.Itoa(ordinal)
	for i := range set.Spec.VolumeClaimTemplates {
		template := &set.Spec.VolumeClaimTemplates[i]
		volume := v1.Volume{Name: template.Name, VolumeSource: v1.VolumeSource{
			PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: claimName(set, template, ordinal)},
		}}
		at := slices.IndexFunc(pod.Spec.Volumes, func(v v1.Volume) bool { return v.Name == template.Name })
		if at < 0 {
			pod.Spec.Volumes = append(pod.Spec.Volumes, volume)
		} else {
			pod.Spec.Volumes[at] = volume
		}
	}
}

// identified says whether a pod has the labels that belong to its number. Its volumes cannot change.
func identified(pod *v1.Pod, ordinal int) bool {
	return pod.Labels[apps.StatefulSetPodNameLabel] == pod.Name && pod.Labels[apps.PodIndexLabel] == strconv.Itoa(ordinal)
}

// newClaim makes a pod's claim of a template.
func newClaim(set *apps.StatefulSet, template *v1.PersistentVolumeClaim, ordinal int) *v1.PersistentVolumeClaim {
	claim := &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: set.Namespace, Name: claimName(set, template, ordinal),
			Labels: maps.Clone(template.Labels), Annotations: maps.Clone(template.Annotations),
		},
		Spec: *template.Spec.DeepCopy(),
	}
	if set.Spec.Selector != nil {
		if claim.Labels == nil {
			claim.Labels = map[string]string{}
		}
		maps.Copy(claim.Labels, set.Spec.Selector.MatchLabels)
	}
	claim.OwnerReferences, _ = claimOwners(set, claim, nil, false)
	return claim
}
