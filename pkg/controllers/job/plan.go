package job

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/pods"
)

// burst is how many pods one reconciliation creates or deletes at most; the next one goes on.
const burst = 500

// observed is what a plan is made from. Nothing in it is modified.
type observed struct {
	job    *batch.Job
	pods   []*v1.Pod
	memory memory
	now    time.Time
}

// newPod is a pod to create.
type newPod struct {
	index             int // or noIndex
	failures, ignored int // of its index before
}

// outcome is what a plan asks for. Pods are created and deleted first, then the status is written, then pods lose their
// finalizer.
type outcome struct {
	create []newPod
	// remove are living pods to delete. With keep they stay tracked, so that they count as failed: the Job ends with
	// them. Without it they lose their finalizer before they are deleted, and are never counted: the Job itself has no
	// use for them.
	remove []*v1.Pod
	keep   bool
	tally  tally
	// ending is the condition that decides how the Job ends, final the one that it ends with; nil while it goes on.
	ending, final *batch.JobCondition
	memory        memory
	after         time.Duration // when time alone asks for the next look; 0 means never
}

// plan decides the next step of a Job that has not ended.
func plan(o observed) outcome {
	t := count(o.job, o.pods)
	out := outcome{tally: t, memory: o.memory.after(t).atLeast(streak(o.job, o.pods))}
	out.ending = o.decide(t)
	switch {
	case out.ending != nil:
		out.remove, out.keep = t.active, true
		known := sets.New(t.untrack...)
		for _, pod := range o.pods { // nothing is waited for any more
			if tracked(pod) && (pods.IsTerminal(pod) || isFailed(o.job, pod)) && !known.Has(pod) && !t.full() {
				out.tally.untrack = append(out.tally.untrack, pod)
			}
		}
		if len(t.active)+len(t.ending)+len(t.uncounted.Succeeded)+len(t.uncounted.Failed)+len(out.tally.untrack) == 0 {
			out.final = finalOf(out.ending, o.now)
		}
	case suspended(o.job):
		out.remove = t.active
	default:
		o.manage(&out)
		if left := o.deadline(); left > 0 && (out.after == 0 || left < out.after) {
			out.after = left
		}
	}
	out.remove = out.remove[:min(len(out.remove), burst)]
	return out
}

func suspended(job *batch.Job) bool { return job.Spec.Suspend != nil && *job.Spec.Suspend }

// deadline is the time until the Job has been active too long; 0 when it has, or when there is no limit.
func (o observed) deadline() time.Duration {
	if o.job.Spec.ActiveDeadlineSeconds == nil || o.job.Status.StartTime == nil {
		return 0
	}
	return o.job.Status.StartTime.Add(time.Duration(*o.job.Spec.ActiveDeadlineSeconds) * time.Second).Sub(o.now)
}

// decide finds the condition that decides how the Job ends, or nil.
func (o observed) decide(t tally) *batch.JobCondition {
	for _, c := range o.job.Status.Conditions {
		if (c.Type == batch.JobFailureTarget || c.Type == batch.JobSuccessCriteriaMet) && c.Status == v1.ConditionTrue {
			return &c
		}
	}
	if reason, message := o.failed(t); reason != "" {
		return newCondition(batch.JobFailureTarget, reason, message, o.now)
	}
	if rule, ok := successRule(o.job, t.completed); ok {
		return newCondition(batch.JobSuccessCriteriaMet, batch.JobReasonSuccessPolicy, fmt.Sprintf("Matched rules at index %d", rule), o.now)
	}
	succeeded, _ := t.totals()
	enough := completions(o.job) >= 0 && succeeded >= completions(o.job)
	if completions(o.job) < 0 {
		enough = succeeded > 0 && len(t.active) == 0
	}
	if enough {
		return newCondition(batch.JobSuccessCriteriaMet, batch.JobReasonCompletionsReached, "Reached expected number of succeeded pods", o.now)
	}
	return nil
}

// failed says why the Job has failed; reason is empty when it has not.
func (o observed) failed(t tally) (reason, message string) {
	spec := o.job.Spec
	_, failures := t.totals()
	limit := int32(6)
	if spec.BackoffLimit != nil {
		limit = *spec.BackoffLimit
	}
	switch {
	case t.failJob != "":
		return batch.JobReasonPodFailurePolicy, t.failJob
	case failures > int(limit) || restartedTooOften(o.job, t.active, limit):
		return batch.JobReasonBackoffLimitExceeded, "Job has reached the specified backoff limit"
	case spec.ActiveDeadlineSeconds != nil && !suspended(o.job) && o.job.Status.StartTime != nil && o.deadline() <= 0:
		return batch.JobReasonDeadlineExceeded, "Job was active longer than specified deadline"
	case spec.BackoffLimitPerIndex == nil:
		return "", ""
	case spec.MaxFailedIndexes != nil && t.failedIndexes.count() > int(*spec.MaxFailedIndexes):
		return batch.JobReasonMaxFailedIndexesExceeded, "Job has exceeded the specified maximal number of failed indexes"
	case t.failedIndexes.count() > 0 && t.failedIndexes.count()+t.completed.count() >= completions(o.job):
		return batch.JobReasonFailedIndexes, "Job has failed indexes"
	}
	return "", ""
}

// restartedTooOften counts the restarts of containers in place, where pods are not replaced.
func restartedTooOften(job *batch.Job, active []*v1.Pod, limit int32) bool {
	if job.Spec.Template.Spec.RestartPolicy != v1.RestartPolicyOnFailure {
		return false
	}
	restarts := int32(0)
	for _, pod := range active {
		if pod.Status.Phase != v1.PodRunning && pod.Status.Phase != v1.PodPending {
			continue
		}
		for i := range pod.Status.InitContainerStatuses {
			restarts += pod.Status.InitContainerStatuses[i].RestartCount
		}
		for i := range pod.Status.ContainerStatuses {
			restarts += pod.Status.ContainerStatuses[i].RestartCount
		}
	}
	if limit == 0 {
		return restarts > 0
	}
	return restarts >= limit
}

// manage decides which pods to create and to delete.
func (o observed) manage(out *outcome) {
	t := out.tally
	succeeded, _ := t.totals()
	wanted := 1
	if o.job.Spec.Parallelism != nil {
		wanted = int(*o.job.Spec.Parallelism)
	}
	switch n := completions(o.job); {
	case n < 0 && succeeded > 0:
		wanted = min(wanted, len(t.active)) // the work is done; those that run may finish
	case n >= 0:
		wanted = max(min(wanted, n-succeeded-t.failedIndexes.count()), 0)
	}
	duplicates, busy := o.duplicates(t)
	out.remove = duplicates
	alive := len(t.active) - len(duplicates)
	if surplus := alive - wanted; surplus > 0 {
		out.remove = append(out.remove, o.givenUpFirst(t.active, duplicates)[:surplus]...)
		return
	}
	missing := wanted - alive
	if !replacesEnding(o.job) {
		missing -= len(t.ending)
	}
	// The numbers are the user's and have no bound.
	missing = min(missing, burst)
	if missing <= 0 {
		return
	}
	if o.job.Spec.BackoffLimitPerIndex == nil {
		if left := pause(out.memory.failures, out.memory.last, o.now); left > 0 {
			out.after = left
			return
		}
	}
	if !indexed(o.job) {
		out.create = slices.Repeat([]newPod{{index: noIndex}}, missing)
		return
	}
	o.fillIndexes(out, busy, missing)
}

// fillIndexes creates pods for the first indexes that have none and are not done.
func (o observed) fillIndexes(out *outcome, busy map[int]bool, missing int) {
	t := out.tally
	for n := 0; n < completions(o.job) && len(out.create) < missing; n++ {
		if busy[n] || t.completed.has(n) || t.failedIndexes.has(n) {
			continue
		}
		pod := newPod{index: n}
		if last := t.lastFailed[n]; last != nil && o.job.Spec.BackoffLimitPerIndex != nil {
			pod.failures, pod.ignored = failuresOf(last)+1, ignoredOf(last)
			if judgeFailure(o.job, last).action == batch.PodFailurePolicyActionIgnore {
				pod.failures, pod.ignored = failuresOf(last), ignoredOf(last)+1
			}
			if left := pause(pod.failures+pod.ignored, endedAt(last), o.now); left > 0 {
				if out.after == 0 || left < out.after {
					out.after = left
				}
				continue
			}
		}
		out.create = append(out.create, pod)
	}
}

// duplicates are pods whose index another one has or the Job does not, and busy the indexes that have a pod.
func (o observed) duplicates(t tally) (duplicates []*v1.Pod, busy map[int]bool) {
	busy = map[int]bool{}
	if !indexed(o.job) {
		return nil, busy
	}
	oldest := slices.SortedFunc(slices.Values(t.active), func(a, b *v1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Time.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for _, pod := range oldest {
		n := indexOf(pod)
		if busy[n] || n == noIndex || n >= completions(o.job) {
			duplicates = append(duplicates, pod)
			continue
		}
		busy[n] = true
	}
	if !replacesEnding(o.job) {
		for _, pod := range t.ending {
			busy[indexOf(pod)] = true
		}
	}
	return duplicates, busy
}

// givenUpFirst orders the active pods but the duplicates for deletion.
func (o observed) givenUpFirst(active, duplicates []*v1.Pod) []*v1.Pod {
	var costs []control.PodCost
	others := sets.New(duplicates...)
	for _, pod := range active {
		if !others.Has(pod) {
			costs = append(costs, control.PodCost{Pod: pod})
		}
	}
	control.SortForDeletion(costs, o.now)
	var sorted []*v1.Pod
	for _, one := range costs {
		sorted = append(sorted, one.Pod)
	}
	return sorted
}
