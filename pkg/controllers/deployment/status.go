package deployment

import (
	"math"
	"slices"
	"strconv"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// status is the Deployment's status. after is when the progress deadline passes; 0 means that none runs.
func (r *rollout) status() (now apps.DeploymentStatus, after time.Duration) {
	now = r.numbers()
	conditions := slices.Clone(r.deployment.Status.Conditions)
	_, missing := limits(r.deployment)
	if now.AvailableReplicas >= wanted(r.deployment)-missing {
		setCondition(&conditions, condition(apps.DeploymentAvailable, "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", r.now))
	} else {
		setCondition(&conditions, condition(apps.DeploymentAvailable, "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", r.now))
	}
	now.Conditions = conditions
	r.pause(&now)
	if r.deployment.Spec.Paused || r.deployment.DeletionTimestamp != nil {
		return now, 0
	}
	r.progress(&now)
	r.failure(&now)
	return now, r.deadline(now)
}

// numbers counts.
func (r *rollout) numbers() apps.DeploymentStatus {
	all := r.all()
	now := apps.DeploymentStatus{
		ObservedGeneration: r.deployment.Generation,
		CollisionCount:     r.deployment.Status.CollisionCount,
		Replicas:           number(sum(all, func(s *apps.ReplicaSet) int32 { return s.Status.Replicas })),
		ReadyReplicas:      number(sum(all, func(s *apps.ReplicaSet) int32 { return s.Status.ReadyReplicas })),
		AvailableReplicas:  number(sum(all, func(s *apps.ReplicaSet) int32 { return s.Status.AvailableReplicas })),
	}
	if r.newest != nil {
		now.UpdatedReplicas = r.newest.Status.Replicas
	}
	now.UnavailableReplicas = number(max(sum(all, size)-int64(now.AvailableReplicas), 0))
	if !slices.ContainsFunc(all, func(s *apps.ReplicaSet) bool { return s.Status.TerminatingReplicas == nil }) { // known of all
		ending := number(sum(all, func(s *apps.ReplicaSet) int32 { return *s.Status.TerminatingReplicas }))
		now.TerminatingReplicas = &ending
	}
	return now
}

// pause tells that the rollout was paused or resumed. The progress deadline does not run while it is paused.
func (r *rollout) pause(now *apps.DeploymentStatus) {
	if !hasDeadline(r.deployment) {
		return
	}
	current := findCondition(now.Conditions, apps.DeploymentProgressing)
	paused := current != nil && current.Reason == "DeploymentPaused"
	switch {
	case current != nil && current.Reason == "ProgressDeadlineExceeded":
	case r.deployment.Spec.Paused && !paused:
		setCondition(&now.Conditions, progressing("Unknown", "DeploymentPaused", "Deployment is paused", r.now))
	case !r.deployment.Spec.Paused && paused:
		setCondition(&now.Conditions, progressing("Unknown", "DeploymentResumed", "Deployment is resumed", r.now))
	}
}

// progress compares the new numbers with the ones before.
func (r *rollout) progress(now *apps.DeploymentStatus) {
	if !hasDeadline(r.deployment) {
		dropCondition(&now.Conditions, apps.DeploymentProgressing)
		return
	}
	if r.notice != nil {
		setCondition(&now.Conditions, r.notice)
		return
	}
	current := findCondition(now.Conditions, apps.DeploymentProgressing)
	if current != nil && current.Reason == "NewReplicaSetAvailable" && now.Replicas == now.UpdatedReplicas {
		return // done; what happens to pods later is no rollout
	}
	name := strconv.Quote(r.deployment.Name)
	subject := "Deployment " + name
	if r.newest != nil {
		subject = "ReplicaSet " + strconv.Quote(r.newest.Name)
	}
	switch {
	case complete(r.deployment, *now):
		setCondition(&now.Conditions, progressing("True", "NewReplicaSetAvailable", subject+" has successfully progressed.", r.now))
	case advanced(r.deployment.Status, *now):
		next := progressing("True", "ReplicaSetUpdated", subject+" is progressing.", r.now)
		if current != nil && current.Status == v1.ConditionTrue {
			next.LastTransitionTime = current.LastTransitionTime
		}
		dropCondition(&now.Conditions, apps.DeploymentProgressing) // the update time must move, though the reason may stay
		setCondition(&now.Conditions, next)
	case r.late(*now):
		setCondition(&now.Conditions, progressing("False", "ProgressDeadlineExceeded", subject+" has timed out progressing.", r.now))
	}
}

// failure passes on that pods cannot be created or deleted.
func (r *rollout) failure(now *apps.DeploymentStatus) {
	dropFirst := r.old
	if r.newest != nil {
		dropFirst = append([]*apps.ReplicaSet{r.newest}, r.old...)
	}
	for _, set := range dropFirst {
		for _, c := range set.Status.Conditions {
			if c.Type == apps.ReplicaSetReplicaFailure {
				setCondition(&now.Conditions, &apps.DeploymentCondition{
					Type: apps.DeploymentReplicaFailure, Status: c.Status, Reason: c.Reason, Message: c.Message,
					LastTransitionTime: c.LastTransitionTime, LastUpdateTime: c.LastTransitionTime,
				})
				return
			}
		}
	}
	dropCondition(&now.Conditions, apps.DeploymentReplicaFailure)
}

// complete says whether all wanted pods are of the newest template and available, and no others are left.
func complete(d *apps.Deployment, now apps.DeploymentStatus) bool {
	n := wanted(d)
	return now.UpdatedReplicas == n && now.Replicas == n && now.AvailableReplicas == n && now.ObservedGeneration >= d.Generation
}

// advanced says whether now is nearer to the end than before.
func advanced(before, now apps.DeploymentStatus) bool {
	return now.UpdatedReplicas > before.UpdatedReplicas ||
		now.Replicas-now.UpdatedReplicas < before.Replicas-before.UpdatedReplicas ||
		now.ReadyReplicas > before.ReadyReplicas || now.AvailableReplicas > before.AvailableReplicas
}

func hasDeadline(d *apps.Deployment) bool {
	return d.Spec.ProgressDeadlineSeconds != nil && *d.Spec.ProgressDeadlineSeconds != math.MaxInt32
}

// late says whether the deadline has passed without progress.
func (r *rollout) late(now apps.DeploymentStatus) bool {
	current := findCondition(now.Conditions, apps.DeploymentProgressing)
	if current == nil {
		return false
	}
	return current.Reason == "ProgressDeadlineExceeded" || (current.Reason != "DeploymentPaused" && r.left(current) <= 0)
}

// left is the time until the deadline.
func (r *rollout) left(current *apps.DeploymentCondition) time.Duration {
	return current.LastUpdateTime.Add(time.Duration(*r.deployment.Spec.ProgressDeadlineSeconds) * time.Second).Sub(r.now)
}

// deadline is when to look whether the rollout is late.
func (r *rollout) deadline(now apps.DeploymentStatus) time.Duration {
	current := findCondition(now.Conditions, apps.DeploymentProgressing)
	if !hasDeadline(r.deployment) || current == nil || complete(r.deployment, now) {
		return 0
	}
	if current.Reason == "NewReplicaSetAvailable" || current.Reason == "ProgressDeadlineExceeded" {
		return 0
	}
	return max(r.left(current), time.Second)
}

func condition(kind apps.DeploymentConditionType, status v1.ConditionStatus, reason, message string, now time.Time) *apps.DeploymentCondition {
	at := metav1.NewTime(now)
	return &apps.DeploymentCondition{Type: kind, Status: status, Reason: reason, Message: message, LastUpdateTime: at, LastTransitionTime: at}
}

func progressing(status v1.ConditionStatus, reason, message string, now time.Time) *apps.DeploymentCondition {
	return condition(apps.DeploymentProgressing, status, reason, message, now)
}

func findCondition(all []apps.DeploymentCondition, kind apps.DeploymentConditionType) *apps.DeploymentCondition {
	for i := range all {
		if all[i].Type == kind {
			return &all[i]
		}
	}
	return nil
}

// setCondition replaces the condition of next's type, unless status and reason stay the same. The transition time only
// moves with the status.
func setCondition(all *[]apps.DeploymentCondition, next *apps.DeploymentCondition) {
	current := findCondition(*all, next.Type)
	if current != nil && current.Status == next.Status && current.Reason == next.Reason {
		return
	}
	changed := *next
	if current != nil && current.Status == next.Status {
		changed.LastTransitionTime = current.LastTransitionTime
	}
	dropCondition(all, next.Type)
	*all = append(*all, changed)
}

func dropCondition(all *[]apps.DeploymentCondition, kind apps.DeploymentConditionType) {
	*all = slices.DeleteFunc(slices.Clone(*all), func(c apps.DeploymentCondition) bool { return c.Type == kind })
}
