package admission

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// limitAnnotation tells people which requests and limits they did not write themselves.
const limitAnnotation = "kubernetes.io/limit-ranger"

// setDefaults gives every container of the pod what it leaves out and the LimitRange has a default for.
func setDefaults(pod *corev1.Pod, l *corev1.LimitRange) {
	requests, limits := corev1.ResourceList{}, corev1.ResourceList{}
	for _, item := range l.Spec.Limits {
		if item.Type == corev1.LimitTypeContainer {
			maps.Copy(requests, item.DefaultRequest)
			maps.Copy(limits, item.Default)
		}
	}
	var notes []string
	fill := func(what string, containers []corev1.Container) {
		for i := range containers {
			c := &containers[i]
			notes = append(notes, missing(&c.Resources.Requests, requests, "request for "+what+" "+c.Name)...)
			notes = append(notes, missing(&c.Resources.Limits, limits, "limit for "+what+" "+c.Name)...)
		}
	}
	fill("container", pod.Spec.Containers)
	fill("init container", pod.Spec.InitContainers)
	if len(notes) == 0 {
		return
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[limitAnnotation] = "LimitRanger plugin set: " + strings.Join(notes, "; ")
}

// missing adds what the list lacks, and notes it.
func missing(list *corev1.ResourceList, defaults corev1.ResourceList, what string) []string {
	var added []string
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		if _, ok := (*list)[name]; ok {
			continue
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[name] = defaults[name].DeepCopy()
		added = append(added, string(name))
	}
	if len(added) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s %s", strings.Join(added, ", "), what)}
}
