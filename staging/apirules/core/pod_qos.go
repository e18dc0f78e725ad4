package core

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
)

// QOSClass derives the quality of service of a pod from its requests and limits of CPU and memory, the pod-level ones
// where it has any: Guaranteed when both are limited everywhere and requested in full, BestEffort when neither appears.
func QOSClass(s *v1.PodSpec) v1.PodQOSClass {
	if r := s.Resources; r != nil && resourcehelper.IsPodLevelResourcesSet(&v1.Pod{Spec: *s}) {
		q := qosCount{guaranteed: true}
		q.add(r)
		return q.class()
	}
	q := qosCount{guaranteed: true}
	for i := range s.InitContainers {
		q.add(&s.InitContainers[i].Resources)
	}
	for i := range s.Containers {
		q.add(&s.Containers[i].Resources)
	}
	return q.class()
}

// qosCount is what has been seen of a pod's containers.
type qosCount struct {
	any, guaranteed  bool
	requests, limits v1.ResourceList
}

func (q *qosCount) add(r *v1.ResourceRequirements) {
	computed := func(l v1.ResourceList, sum *v1.ResourceList) int {
		n := 0
		for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} {
			amount, ok := l[name]
			if !ok || amount.Sign() <= 0 {
				continue
			}
			n++
			q.any = true
			if *sum == nil {
				*sum = v1.ResourceList{}
			}
			total := (*sum)[name]
			total = total.DeepCopy()
			total.Add(amount)
			(*sum)[name] = total
		}
		return n
	}
	computed(r.Requests, &q.requests)
	if computed(r.Limits, &q.limits) < 2 {
		q.guaranteed = false
	}
}

func (q *qosCount) class() v1.PodQOSClass {
	if !q.any {
		return v1.PodQOSBestEffort
	}
	if !q.guaranteed || len(q.requests) != len(q.limits) {
		return v1.PodQOSBurstable
	}
	for name, request := range q.requests {
		limit, ok := q.limits[name]
		if !ok || !sameAmount(limit, request) {
			return v1.PodQOSBurstable
		}
	}
	return v1.PodQOSGuaranteed
}

func sameAmount(a, b resource.Quantity) bool { return a.Cmp(b) == 0 }
