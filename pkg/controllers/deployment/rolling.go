package deployment

import (
	apps "k8s.io/api/apps/v1"
)

// roll moves replicas from old sets to the newest within the limits.
//
// It counts the sizes that the sets want, not with the pods that are there, so that a decision is not taken twice
// when the sets' own controller has not followed yet; only what is available is taken from the sets' status.
func (r *rollout) roll() []change {
	var changes []change
	current, next := size(r.newest), r.newSize(size(r.newest))
	if next != current {
		changes = append(changes, r.sized(r.newest, next))
	}
	return append(changes, r.shrink(next)...)
}

// shrink takes replicas from old sets when the newest has newSize: first those that are not available anyhow, then as
// many of the others as may be missing.
func (r *rollout) shrink(newSize int32) []change {
	old := active(r.old)
	if len(old) == 0 {
		return nil
	}
	_, missing := limits(r.deployment)
	least := int64(wanted(r.deployment)) - int64(missing)
	// A set that its controller has not followed down yet still tells of pods that are as good as gone.
	available := func(set *apps.ReplicaSet) int32 { return min(set.Status.AvailableReplicas, size(set)) }
	notYet := max(int64(newSize)-int64(r.newest.Status.AvailableReplicas), 0)
	budget := sum(old, size) + int64(newSize) - least - notYet
	if budget <= 0 {
		return nil
	}
	to := make([]int32, len(old))
	cleaned := int64(0)
	for i, set := range old {
		broken := min(max(int64(size(set))-int64(available(set)), 0), budget-cleaned)
		to[i] = size(set) - int32(broken)
		cleaned += broken
	}
	// After the broken ones, healthy pods may go as long as enough are available.
	spare := sum(old, available) + int64(min(r.newest.Status.AvailableReplicas, newSize)) - least
	for i := range old {
		healthy := min(int64(to[i]), max(spare, 0))
		to[i] -= int32(healthy)
		spare -= healthy
	}
	var changes []change
	for i, set := range old {
		if to[i] != size(set) {
			changes = append(changes, r.sized(set, to[i]))
		}
	}
	return changes
}

// recreate ends all old pods before the first new one.
func (r *rollout) recreate() []change {
	var changes []change
	for _, set := range active(r.old) {
		changes = append(changes, r.sized(set, 0))
	}
	if next := r.newSize(size(r.newest)); next != size(r.newest) {
		changes = append(changes, r.sized(r.newest, next))
	}
	return changes
}
