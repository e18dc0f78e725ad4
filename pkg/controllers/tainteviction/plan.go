package tainteviction

import (
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

// verdict is what happens to a pod.
type verdict int

const (
	// stay: no taint concerns it.
	stay verdict = iota
	// tolerated: it may stay, for ever or for a time.
	tolerated
	// leave: it goes now.
	leave
)

// judge decides about a pod that was first seen with these taints at since. after is when it must leave; 0 with
// tolerated means never.
func judge(pod *v1.Pod, taints []v1.Taint, since, now time.Time) (v verdict, after time.Duration) {
	driving := noExecute(taints)
	if len(driving) == 0 || pod.DeletionTimestamp != nil {
		return stay, 0
	}
	limit, limited := time.Duration(0), false
	for i := range driving {
		matched := false
		for j := range pod.Spec.Tolerations {
			toleration := &pod.Spec.Tolerations[j]
			if !toleration.ToleratesTaint(klog.Background(), &driving[i], false) {
				continue
			}
			matched = true
			if toleration.TolerationSeconds == nil {
				continue
			}
			if span := time.Duration(max(*toleration.TolerationSeconds, 0)) * time.Second; !limited || span < limit {
				limit, limited = span, true
			}
		}
		if !matched {
			return leave, 0
		}
	}
	if !limited {
		return tolerated, 0
	}
	if left := since.Add(limit).Sub(now); left > 0 {
		return tolerated, left
	}
	return leave, 0
}

// noExecute picks the taints that drive pods away.
func noExecute(taints []v1.Taint) []v1.Taint {
	var driving []v1.Taint
	for _, taint := range taints {
		if taint.Effect == v1.TaintEffectNoExecute {
			driving = append(driving, taint)
		}
	}
	return driving
}
