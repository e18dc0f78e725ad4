package resourcequota

import (
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// observed is what a plan is made from. Nothing in it is modified.
type observed struct {
	quota *v1.ResourceQuota
	// used is what could be computed.
	used v1.ResourceList
	// again is when to look again without an event.
	again time.Duration
}

// outcome is what a plan asks for.
type outcome struct {
	// update is the quota with the status that it should have; nil when it has it.
	update *v1.ResourceQuota
	// after is when time alone asks for the next look.
	after time.Duration
}

// plan decides what the status of a quota should say. Limits that nothing measures count as unused until something does.
func plan(o observed) outcome {
	status := v1.ResourceQuotaStatus{Hard: o.quota.Spec.Hard.DeepCopy(), Used: v1.ResourceList{}}
	for name, value := range o.quota.Status.Used {
		if _, limited := status.Hard[name]; limited {
			status.Used[name] = value.DeepCopy()
		}
	}
	for name, value := range o.used {
		status.Used[name] = value
	}
	out := outcome{after: o.again}
	if !equality.Semantic.DeepEqual(status, o.quota.Status) {
		out.update = o.quota.DeepCopy()
		out.update.Status = status
	}
	return out
}
