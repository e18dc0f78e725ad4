package deployment

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	apps "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// observed is what a plan is made from. Nothing in it is modified.
type observed struct {
	deployment *apps.Deployment
	// sets are all that the Deployment owns.
	sets []*apps.ReplicaSet
	// oldPods says whether pods of sets other than the newest still run or end.
	oldPods bool
	now     time.Time
}

// change is a write of set, which was altered from was. A change of size is an event.
type change struct{ was, set *apps.ReplicaSet }

// outcome is what a plan asks for.
type outcome struct {
	create *apps.ReplicaSet // the set of the Deployment's template
	update []change
	remove []*apps.ReplicaSet // of the past
	// revision is what the Deployment's annotation should say; "" leaves it.
	revision string
	status   apps.DeploymentStatus
	after    time.Duration // when time alone asks for the next look; 0 means never
}

// rollout is the situation: observed, sorted.
type rollout struct {
	observed
	newest *apps.ReplicaSet   // of the Deployment's template; nil when there is none yet
	old    []*apps.ReplicaSet // all others, oldest first
	notice *apps.DeploymentCondition
}

// plan decides the next step, and what the status is then.
func plan(o observed) (out outcome, err error) {
	r := sortSets(o)
	paused := o.deployment.Spec.Paused
	var described, sizes []change
	if o.deployment.DeletionTimestamp == nil {
		switch {
		case r.newest == nil && !paused:
			if out.create, err = r.create(); err != nil {
				return outcome{}, err
			}
			out.revision = out.create.Annotations[revisionAnnotation]
		case paused, r.resized():
			sizes = r.resize()
		case rolls(o.deployment):
			sizes = r.roll()
		default:
			sizes = r.recreate()
		}
		if r.newest != nil {
			out.revision, described = r.describe()
		}
	}
	out.update = merge(described, sizes)
	out.status, out.after = r.status()
	if o.deployment.DeletionTimestamp == nil && (paused || complete(o.deployment, out.status)) {
		out.remove = r.forget()
	}
	return out, nil
}

// sortSets finds the newest set. Of several with the Deployment's template, which only others can have made, it is the
// oldest, so that the choice stays the same.
func sortSets(o observed) *rollout {
	r := &rollout{observed: o}
	for _, set := range slices.SortedFunc(slices.Values(o.sets), oldestFirst) {
		if r.newest == nil && sameTemplate(&set.Spec.Template, &o.deployment.Spec.Template) {
			r.newest = set
		} else {
			r.old = append(r.old, set)
		}
	}
	return r
}

// all are the newest set, if any, and the old ones.
func (r *rollout) all() []*apps.ReplicaSet {
	if r.newest == nil {
		return r.old
	}
	return append(slices.Clone(r.old), r.newest)
}

// nextRevision is above that of all old sets.
func (r *rollout) nextRevision() int64 {
	highest := int64(0)
	for _, set := range r.old {
		highest = max(highest, revision(set))
	}
	return highest + 1
}

// create makes the newest set. A Recreate Deployment first ends the old pods, but its new set stands already, empty.
func (r *rollout) create() (*apps.ReplicaSet, error) {
	d := r.deployment
	hash, err := templateHash(&d.Spec.Template, d.Status.CollisionCount)
	if err != nil {
		return nil, err
	}
	surge, _ := limits(d)
	set := &apps.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       d.Namespace,
			Name:            d.Name + "-" + hash,
			Labels:          withLabel(d.Spec.Template.Labels, hash),
			Annotations:     sizeAnnotations(newestAnnotations(d, nil, r.nextRevision()), wanted(d), surge),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, kind())},
		},
		Spec: apps.ReplicaSetSpec{
			MinReadySeconds: d.Spec.MinReadySeconds,
			Selector:        d.Spec.Selector.DeepCopy(),
			Template:        *d.Spec.Template.DeepCopy(),
		},
	}
	set.Spec.Selector.MatchLabels = withLabel(set.Spec.Selector.MatchLabels, hash)
	set.Spec.Template.Labels = withLabel(set.Spec.Template.Labels, hash)
	first := r.newSize(0)
	set.Spec.Replicas = &first
	r.notice = progressing("True", "NewReplicaSetCreated", "Created new replica set "+strconv.Quote(set.Name), r.now)
	return set, nil
}

func withLabel(labels map[string]string, hash string) map[string]string {
	labels = maps.Clone(labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[apps.DefaultDeploymentUniqueLabelKey] = hash
	return labels
}

// newSize is what the newest set should have, when it has current.
func (r *rollout) newSize(current int32) int32 {
	d := r.deployment
	if !rolls(d) {
		if sum(r.old, size) > 0 || r.oldPods {
			return min(current, wanted(d))
		}
		return wanted(d)
	}
	if current >= wanted(d) {
		return wanted(d)
	}
	surge, _ := limits(d)
	room := int64(wanted(d)) + int64(surge) - sum(r.old, size) - int64(current)
	return current + int32(max(min(room, int64(wanted(d)-current)), 0))
}

// describe brings annotations and readiness delay of the newest set up to date, and returns the Deployment's revision.
func (r *rollout) describe() (revision string, changes []change) {
	set := r.newest.DeepCopy()
	set.Annotations = newestAnnotations(r.deployment, r.newest.Annotations, r.nextRevision())
	set.Spec.MinReadySeconds = r.deployment.Spec.MinReadySeconds
	if r.deployment.Status.Conditions == nil || findCondition(r.deployment.Status.Conditions, apps.DeploymentProgressing) == nil {
		r.notice = progressing("True", "FoundNewReplicaSet", "Found new replica set "+strconv.Quote(set.Name), r.now)
	}
	if !maps.Equal(set.Annotations, r.newest.Annotations) || set.Spec.MinReadySeconds != r.newest.Spec.MinReadySeconds {
		changes = append(changes, change{r.newest, set})
	}
	return set.Annotations[revisionAnnotation], changes
}

// sized is set with another size.
func (r *rollout) sized(set *apps.ReplicaSet, to int32) change {
	surge, _ := limits(r.deployment)
	changed := set.DeepCopy()
	changed.Spec.Replicas = &to
	changed.Annotations = sizeAnnotations(set.Annotations, wanted(r.deployment), surge)
	return change{set, changed}
}

// forget are the empty old sets beyond the history that is kept.
func (r *rollout) forget() []*apps.ReplicaSet {
	limit := r.deployment.Spec.RevisionHistoryLimit
	if limit == nil || *limit == math.MaxInt32 {
		return nil
	}
	past := slices.DeleteFunc(slices.Clone(r.old), func(set *apps.ReplicaSet) bool { return set.DeletionTimestamp != nil })
	excess := len(past) - int(*limit)
	if excess <= 0 {
		return nil
	}
	slices.SortStableFunc(past, func(a, b *apps.ReplicaSet) int { return int(min(max(revision(a)-revision(b), -1), 1)) })
	return slices.DeleteFunc(past[:excess], func(set *apps.ReplicaSet) bool {
		return set.Status.Replicas != 0 || size(set) != 0 || set.Generation > set.Status.ObservedGeneration
	})
}

// merge makes one write of two to the same set: the newest one's description and its size.
func merge(described, sizes []change) []change {
	merged := slices.Clone(described)
	for _, one := range sizes {
		at := slices.IndexFunc(merged, func(earlier change) bool { return earlier.was == one.was })
		if at < 0 {
			merged = append(merged, one)
			continue
		}
		both := merged[at].set.DeepCopy()
		both.Spec.Replicas = one.set.Spec.Replicas
		for _, name := range []string{desiredAnnotation, maxAnnotation} {
			if value, found := one.set.Annotations[name]; found {
				both.Annotations[name] = value
			}
		}
		merged[at] = change{one.was, both}
	}
	return merged
}
