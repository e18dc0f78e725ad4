package histories

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/pkg/pods"
	"github.com/proa-sh/proa/test/histories/rest"
)

// invariants follows every write to the store and says what must never be seen there.
type invariants struct {
	w        *World
	seen     int // how much of the database's log has been looked at
	decoders map[schema.GroupResource]*memory
	objects  map[types.UID]metav1.Object // that exist
	ended    map[types.UID]v1.PodPhase   // pods of Jobs by how they ended, also those that are gone
	deleted  map[types.UID]bool          // pods of Jobs that were deleted before they ended
	given    map[types.UID]bool          // pods that lost their finalizer before they ended, which count for nothing
	removed  map[types.UID]bool          // pods that their Job itself deleted, which count only when it ends
	jobOf    map[types.UID]types.UID
	broken   string
}

func newInvariants(w *World) *invariants {
	return &invariants{
		w: w, decoders: map[schema.GroupResource]*memory{}, objects: map[types.UID]metav1.Object{},
		ended: map[types.UID]v1.PodPhase{}, deleted: map[types.UID]bool{}, given: map[types.UID]bool{}, removed: map[types.UID]bool{}, jobOf: map[types.UID]types.UID{},
	}
}

// always looks at the writes since the last call and returns what they break; "" is well.
func (c *invariants) always() string {
	db := c.w.server.db
	db.mu.Lock()
	fresh := db.log[c.seen:]
	c.seen = len(db.log)
	db.mu.Unlock()
	for _, one := range fresh {
		before, after := c.decode(one, one.before), c.decode(one, one.after)
		if before != nil {
			delete(c.objects, before.GetUID())
		}
		if after != nil {
			c.objects[after.GetUID()] = after
		}
		if after != nil {
			c.changed(before, after)
		}
	}
	return c.broken
}

func (c *invariants) decode(one change, data []byte) metav1.Object {
	if data == nil {
		return nil
	}
	store := c.decoders[one.resource]
	if store == nil {
		store = c.w.server.memories[one.resource]
		c.decoders[one.resource] = store
	}
	obj := store.newFunc()
	if err := store.decode(data, one.revision, obj); err != nil {
		c.w.t.Fatal(err)
	}
	return obj.(metav1.Object)
}

func (c *invariants) breaks(format string, arguments ...any) {
	if c.broken == "" {
		c.broken = fmt.Sprintf(format, arguments...)
	}
}

func (c *invariants) check(err error) {
	if err != nil {
		c.breaks("%v", err)
	}
}

// changed looks at a new version of an object; before is nil when it is new.
func (c *invariants) changed(before, after metav1.Object) {
	switch now := after.(type) {
	case *v1.Pod:
		was, _ := before.(*v1.Pod)
		c.podChanged(was, now)
	case *batch.Job:
		c.jobChanged(now)
	case *apps.ReplicaSet:
		c.rolloutBounds(now)
	}
	if before != nil && before.GetDeletionTimestamp() == nil && after.GetDeletionTimestamp() != nil {
		c.deletion(after)
	}
}

// deletion looks at an object whose deletion was asked for: the collector asks only for those that nobody alive owns.
func (c *invariants) deletion(obj metav1.Object) {
	if c.w.serving != "garbage-collector" {
		return
	}
	for _, ref := range obj.GetOwnerReferences() {
		owner := c.objects[ref.UID]
		if owner != nil && owner.GetNamespace() == obj.GetNamespace() && owner.GetDeletionTimestamp() == nil {
			c.breaks("the garbage collector deletes %s, which %s %s owns", obj.GetName(), ref.Kind, ref.Name)
		}
	}
}

func (c *invariants) podChanged(was, now *v1.Pod) {
	owner := metav1.GetControllerOf(now)
	if owner == nil || owner.Kind != "Job" {
		return
	}
	c.jobOf[now.UID] = owner.UID
	if was != nil && tracked(was) && !tracked(now) && c.ended[now.UID] == "" {
		c.given[now.UID] = true
	}
	if was != nil && was.DeletionTimestamp == nil && now.DeletionTimestamp != nil && c.w.serving == "job" {
		c.removed[now.UID] = true
	}
	if pods.IsTerminal(now) && c.ended[now.UID] == "" {
		c.ended[now.UID] = now.Status.Phase
	}
	if now.DeletionTimestamp != nil && c.ended[now.UID] == "" {
		c.deleted[now.UID] = true
	}
	if was == nil {
		c.oneOfAnIndex(now, owner.UID)
	}
}

func tracked(pod *v1.Pod) bool { return slices.Contains(pod.Finalizers, batch.JobTrackingFinalizer) }

// oneOfAnIndex says that no index of a Job has two pods that work.
func (c *invariants) oneOfAnIndex(pod *v1.Pod, job types.UID) {
	index, indexed := pod.Annotations[batch.JobCompletionIndexAnnotation]
	if !indexed {
		return
	}
	for uid, obj := range c.objects {
		other, ok := obj.(*v1.Pod)
		if ok && uid != pod.UID && c.jobOf[uid] == job && other.Annotations[batch.JobCompletionIndexAnnotation] == index && pods.IsActive(other) {
			c.breaks("index %s of a Job has two pods, %s and %s", index, other.Name, pod.Name)
		}
	}
}

// jobChanged compares a Job's counters with what has happened: no pod counts twice, and none that did not end so.
func (c *invariants) jobChanged(job *batch.Job) {
	least, most := c.results(job)
	counted := counters(job)
	if counted.succeeded > most.succeeded || counted.failed > most.failed {
		c.breaks("Job %s counts %+v where there were at most %+v (at least %+v)", job.Name, counted, most, least)
	}
}

// results are numbers of pods.
type results struct{ succeeded, failed int }

// counters are what a Job has counted.
func counters(job *batch.Job) results {
	uncounted := ptr.Deref(job.Status.UncountedTerminatedPods, batch.UncountedTerminatedPods{})
	return results{int(job.Status.Succeeded) + len(uncounted.Succeeded), int(job.Status.Failed) + len(uncounted.Failed)}
}

// results are the least and the most that a Job may count. A pod that is deleted and then ends well may count as either.
func (c *invariants) results(job *batch.Job) (least, most results) {
	for uid, owner := range c.jobOf {
		well := c.ended[uid] == v1.PodSucceeded
		switch {
		case owner != job.UID || c.removed[uid] && !finished(job):
		case c.given[uid] && c.deleted[uid] && !c.removed[uid], c.removed[uid]:
			most.failed++
		case c.given[uid]:
		case well && c.deleted[uid]:
			most.succeeded++
			most.failed++
		case well:
			least.succeeded++
			most.succeeded++
		case c.ended[uid] != "" || c.deleted[uid]:
			least.failed++
			most.failed++
		}
	}
	return least, most
}

func finished(job *batch.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(k batch.JobCondition) bool {
		return k.Type != batch.JobSuspended && k.Status == v1.ConditionTrue
	})
}

// rolloutBounds says that the sets of a Deployment never have more pods together than its surge allows. A Deployment whose
// replicas were lowered comes down by and by, so only an increase is looked at.
func (c *invariants) rolloutBounds(set *apps.ReplicaSet) {
	owner := metav1.GetControllerOf(set)
	if owner == nil {
		return
	}
	d, ok := c.objects[owner.UID].(*apps.Deployment)
	if !ok || d.Spec.Strategy.RollingUpdate == nil {
		return
	}
	total, most := int32(0), *d.Spec.Replicas
	for _, obj := range c.objects {
		if one, ok := obj.(*apps.ReplicaSet); ok && metav1.IsControlledBy(one, d) && one.DeletionTimestamp == nil {
			total += ptr.Deref(one.Spec.Replicas, 1)
			if desired, err := strconv.Atoi(one.Annotations["deployment.kubernetes.io/desired-replicas"]); err == nil {
				most = max(most, int32(desired))
			}
		}
	}
	if surge := int32(d.Spec.Strategy.RollingUpdate.MaxSurge.IntValue()); total > most+surge {
		c.breaks("the sets of Deployment %s want %d pods, more than %d and a surge of %d", d.Name, total, most, surge)
	}
}

// atRest says what does not hold when everything has come to rest; "" is well.
func (c *invariants) atRest() string {
	if broken := c.always(); broken != "" {
		return broken
	}
	for _, obj := range c.objects {
		switch one := obj.(type) {
		case *apps.Deployment:
			c.check(rest.Deployment(one))
		case *apps.StatefulSet:
			c.statefulSetAtRest(one)
		case *apps.DaemonSet:
			c.check(rest.DaemonSet(one, 2))
		case *batch.Job:
			c.jobAtRest(one)
		case *v1.Pod:
			c.podAtRest(one)
		}
		if obj.GetDeletionTimestamp() != nil && !c.keptForCount(obj) {
			c.breaks("%T %s is still being deleted, with finalizers %v", obj, obj.GetName(), obj.GetFinalizers())
		}
	}
	return c.broken
}

func (c *invariants) statefulSetAtRest(set *apps.StatefulSet) {
	c.check(rest.StatefulSet(set))
	n := *set.Spec.Replicas
	// More claims than pods can be there: that of a pod which was just being replaced when the set was scaled stays.
	for i := range len(set.Spec.VolumeClaimTemplates) * int(n) {
		name := fmt.Sprintf("%s-%s-%d", set.Spec.VolumeClaimTemplates[0].Name, set.Name, i)
		if !slices.ContainsFunc(slices.Collect(maps.Values(c.objects)), func(obj metav1.Object) bool {
			claim, ok := obj.(*v1.PersistentVolumeClaim)
			return ok && claim.Name == name
		}) {
			c.breaks("StatefulSet %s of %d pods has no claim %s", set.Name, n, name)
		}
	}
}

// jobAtRest says that a Job has ended, or is suspended, or has as many pods as it should; and that each pod that has ended
// by itself has been counted once.
func (c *invariants) jobAtRest(job *batch.Job) {
	s := job.Status
	wanted := min(*job.Spec.Parallelism, *job.Spec.Completions-s.Succeeded)
	if indexes := ptr.Deref(s.FailedIndexes, ""); indexes != "" {
		wanted = s.Active // how many indexes are left is the Job's own account
	}
	switch {
	case ptr.Deref(job.Spec.Suspend, false) || finished(job):
		if s.Active != 0 {
			c.breaks("Job %s has %d active pods", job.Name, s.Active)
		}
	case s.Active != wanted:
		c.breaks("Job %s should have %d active pods: %+v", job.Name, wanted, s)
	}
	if least, most := c.results(job); *job.Spec.CompletionMode == batch.NonIndexedCompletion {
		if counted := counters(job); counted.succeeded < least.succeeded || counted.failed < least.failed {
			c.breaks("Job %s counts %+v where there were at least %+v (at most %+v)", job.Name, counted, least, most)
		}
	}
	if u := s.UncountedTerminatedPods; u != nil && len(u.Succeeded)+len(u.Failed) > 0 && (finished(job) || job.Spec.BackoffLimitPerIndex == nil) {
		c.breaks("Job %s has pods that it has not counted: %+v", job.Name, u)
	}
}

func (c *invariants) podAtRest(pod *v1.Pod) {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return
	}
	if c.objects[owner.UID] == nil {
		c.breaks("pod %s outlives its %s", pod.Name, owner.Kind)
	}
	if pods.IsTerminal(pod) && tracked(pod) && !c.keptForCount(pod) {
		c.breaks("pod %s has ended and its Job has not counted it", pod.Name)
	}
}

// keptForCount says whether a failed pod may carry the number of failures of an index whose next pod is not made yet.
func (c *invariants) keptForCount(obj metav1.Object) bool {
	pod, ok := obj.(*v1.Pod)
	if !ok || pod.Status.Phase != v1.PodFailed || metav1.GetControllerOf(pod) == nil {
		return false
	}
	owner, ok := c.objects[metav1.GetControllerOf(pod).UID].(*batch.Job)
	return ok && owner.Spec.BackoffLimitPerIndex != nil
}
