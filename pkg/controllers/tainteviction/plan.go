package tainteviction

import (
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

// fate is what happens to a pod.
type fate int

// outcome is what a plan says of a pod.
type outcome struct {
	fate fate
	// after is when the pod must leave; 0 with tolerated means never.
	after time.Duration
}

const (
	// stay: no taint concerns it.
	stay fate = iota
	// tolerated: it may stay, for ever or for a time.
	tolerated
	// leave: it goes now.
	leave
)

// plan decides about a pod that was first seen with these taints at since.
func plan(pod *v1.Pod, taints []v1.Taint, since, now time.Time) outcome {
	driving := noExecute(taints)
	if len(driving) == 0 || pod.DeletionTimestamp != nil {
		return outcome{fate: stay}
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
			return outcome{fate: leave}
		}
	}
	if !limited {
		return outcome{fate: tolerated}
	}
	if left := since.Add(limit).Sub(now); left > 0 {
		return outcome{fate: tolerated, after: left}
	}
	return outcome{fate: leave}
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
