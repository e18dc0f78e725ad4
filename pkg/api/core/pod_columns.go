package core

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
)

func podColumns() []apidef.Column[*corev1.Pod] {
	type object = *corev1.Pod
	spec, status := corev1.PodSpec{}.SwaggerDoc(), corev1.PodStatus{}.SwaggerDoc()
	return []apidef.Column[object]{
		apidef.Name[object](),
		{Name: "Ready", Description: "The aggregate readiness state of this pod for accepting traffic.",
			Value: func(p object) any { return summarize(p).ready }},
		{Name: "Status", Description: "The aggregate status of the containers in this pod.",
			Value: func(p object) any { return summarize(p).status }},
		{Name: "Restarts", Description: "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
			Value: func(p object) any { return summarize(p).restarts }},
		apidef.Age[object](),
		{Name: "IP", Wide: true, Description: status["podIP"], Value: func(p object) any { return columns.Or(podIP(p), columns.None) }},
		{Name: "Node", Wide: true, Description: spec["nodeName"], Value: func(p object) any { return columns.Or(p.Spec.NodeName, columns.None) }},
		{Name: "Nominated Node", Wide: true, Description: status["nominatedNodeName"],
			Value: func(p object) any { return columns.Or(p.Status.NominatedNodeName, columns.None) }},
		{Name: "Readiness Gates", Wide: true, Description: spec["readinessGates"], Value: func(p object) any { return gatesCell(p) }},
	}
}

// podIP returns the first address of a pod.
func podIP(p *corev1.Pod) string {
	if len(p.Status.PodIPs) > 0 {
		return p.Status.PodIPs[0].IP
	}
	return p.Status.PodIP
}

func gatesCell(p *corev1.Pod) string {
	if len(p.Spec.ReadinessGates) == 0 {
		return columns.None
	}
	open := 0
	for _, g := range p.Spec.ReadinessGates {
		if podCondition(p, g.ConditionType).Status == corev1.ConditionTrue {
			open++
		}
	}
	return fmt.Sprintf("%d/%d", open, len(p.Spec.ReadinessGates))
}

// podCondition returns the condition of type t, or an empty one.
func podCondition(p *corev1.Pod, t corev1.PodConditionType) corev1.PodCondition {
	for _, c := range p.Status.Conditions {
		if c.Type == t {
			return c
		}
	}
	return corev1.PodCondition{}
}

// podEnd marks the rows of pods that have ended.
func podEnd(p *corev1.Pod) []metav1.TableRowCondition {
	end := metav1.TableRowCondition{Type: metav1.RowCompleted, Status: metav1.ConditionTrue, Reason: string(p.Status.Phase)}
	switch p.Status.Phase {
	case corev1.PodSucceeded:
		end.Message = "The pod has completed successfully."
	case corev1.PodFailed:
		end.Message = "The pod failed."
	default:
		return nil
	}
	return []metav1.TableRowCondition{end}
}
