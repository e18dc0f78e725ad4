package legacytoken

import (
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/pods"
)

const (
	// lastUsed is the label with the day on which the API server last saw a token used.
	lastUsed = "kubernetes.io/legacy-token-last-used"
	// invalidSince is the label with the day from which on a token is refused.
	invalidSince = "kubernetes.io/legacy-token-invalid-since"
	// tracking is the ConfigMap in kube-system with the day since when use is noted.
	tracking = "kube-apiserver-legacy-service-account-token-tracking"
	since    = "since" // its key

	day = 24 * time.Hour
)

// observed is what a plan is made from. Nothing in it is modified.
type observed struct {
	secret *v1.Secret
	// account is the one that the Secret names; nil when there is none.
	account *v1.ServiceAccount
	// tracked is the day since when use is noted; empty when it is not.
	tracked string
	// pods are those of the namespace.
	pods   []*v1.Pod
	period time.Duration
	now    time.Time
}

// outcome is what a plan asks for; the empty one is nothing for now.
type outcome struct {
	// invalidate is the day for the label that makes the token invalid; empty leaves it as it is.
	invalidate string
	remove     bool
}

// plan decides what becomes of a token.
func plan(o observed) outcome {
	if o.secret.DeletionTimestamp != nil || o.account == nil || !listed(o.account, o.secret) {
		return outcome{} // not made by the cluster, or a token of an account that has gone, which another controller deletes
	}
	tracked, noted := dayOf(o.tracked)
	if !noted || !o.idle(tracked) || slices.ContainsFunc(o.pods, func(pod *v1.Pod) bool { return refersTo(pod, o.secret.Name) }) {
		return outcome{}
	}
	invalid, marked := dayOf(o.secret.Labels[invalidSince])
	switch {
	case !marked:
		return outcome{invalidate: o.now.UTC().Format(time.DateOnly)}
	case o.past(invalid.Add(day)):
		return outcome{remove: true}
	}
	return outcome{}
}

// idle says whether the token has not been used for the period, given the day since when use is noted. Days count as long as
// they can have lasted.
func (o observed) idle(tracked time.Time) bool {
	if !o.past(tracked.Add(day)) || !o.past(o.secret.CreationTimestamp.Time) {
		return false
	}
	label, there := o.secret.Labels[lastUsed]
	used, ok := dayOf(label)
	return !there || ok && o.past(used.Add(day)) // of a label that is no day nobody can tell
}

// past says whether the period has gone by since a moment.
func (o observed) past(moment time.Time) bool { return !o.now.Before(moment.Add(o.period)) }

// dayOf reads a date; ok is false when there is none.
func dayOf(text string) (at time.Time, ok bool) {
	at, err := time.Parse(time.DateOnly, text)
	return at, err == nil
}

// listed says whether the account lists the Secret, as it does those that the cluster made for it.
func listed(account *v1.ServiceAccount, secret *v1.Secret) bool {
	return secret.Annotations[v1.ServiceAccountUIDKey] == string(account.UID) &&
		slices.ContainsFunc(account.Secrets, func(ref v1.ObjectReference) bool { return ref.Name == secret.Name })
}

// refersTo says whether a pod that has not ended uses a Secret, in volumes or variables.
func refersTo(pod *v1.Pod, secret string) bool {
	if pods.IsTerminal(pod) {
		return false
	}
	for _, volume := range pod.Spec.Volumes {
		if volume.Secret != nil && volume.Secret.SecretName == secret {
			return true
		}
		if volume.Projected != nil && slices.ContainsFunc(volume.Projected.Sources, func(source v1.VolumeProjection) bool {
			return source.Secret != nil && source.Secret.Name == secret
		}) {
			return true
		}
	}
	for container := range pods.AllContainers(pod) {
		if slices.ContainsFunc(container.EnvFrom, func(from v1.EnvFromSource) bool { return from.SecretRef != nil && from.SecretRef.Name == secret }) ||
			slices.ContainsFunc(container.Env, func(env v1.EnvVar) bool {
				return env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil && env.ValueFrom.SecretKeyRef.Name == secret
			}) {
			return true
		}
	}
	return false
}
