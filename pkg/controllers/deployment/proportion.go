package deployment

import (
	"cmp"
	"math"
	"slices"

	apps "k8s.io/api/apps/v1"
)

// resized says whether the Deployment's wanted number has changed since the sets were sized. Then sets are only sized;
// the rollout goes on after it.
func (r *rollout) resized() bool {
	for _, set := range active(r.all()) {
		if desired, known := numberIn(set, desiredAnnotation); known && desired != wanted(r.deployment) {
			return true
		}
	}
	return false
}

// resize follows a change of the wanted number, in the middle of a rollout too, and when paused.
func (r *rollout) resize() []change {
	if one := r.only(); one != nil {
		if size(one) == wanted(r.deployment) {
			return nil
		}
		return []change{r.sized(one, wanted(r.deployment))}
	}
	if r.saturated() {
		var changes []change
		for _, set := range active(r.old) {
			changes = append(changes, r.sized(set, 0))
		}
		return changes
	}
	if !rolls(r.deployment) {
		return nil
	}
	return r.spread()
}

// only is the set that alone carries the Deployment: the one that wants pods, or the latest when none does. It is nil
// when several want pods.
func (r *rollout) only() *apps.ReplicaSet {
	carrying := active(r.all())
	switch {
	case len(carrying) == 1:
		return carrying[0]
	case len(carrying) > 1:
		return nil
	case r.newest != nil:
		return r.newest
	case len(r.old) > 0:
		return r.old[len(r.old)-1]
	default:
		return nil
	}
}

// saturated says whether the newest set has all that is wanted, and it is available.
func (r *rollout) saturated() bool {
	if r.newest == nil {
		return false
	}
	desired, known := numberIn(r.newest, desiredAnnotation)
	return known && size(r.newest) == wanted(r.deployment) && desired == wanted(r.deployment) && r.newest.Status.AvailableReplicas == wanted(r.deployment)
}

// spread gives each set its share of the new total, in proportion to its size, so that a rollout that is half done is
// half done afterwards. Larger sets are served first, and the first gets what rounding leaves. A Deployment that is paused
// before its first set has none.
func (r *rollout) spread() []change {
	sets := active(r.all())
	if len(sets) == 0 {
		return nil
	}
	surge, _ := limits(r.deployment)
	allowed := int64(0)
	if wanted(r.deployment) > 0 {
		allowed = int64(wanted(r.deployment)) + int64(surge)
	}
	left := allowed - sum(sets, size)
	growing := left > 0
	slices.SortStableFunc(sets, func(a, b *apps.ReplicaSet) int {
		newestOrOldest := oldestFirst(a, b)
		if growing {
			newestOrOldest = -newestOrOldest
		}
		return cmp.Or(cmp.Compare(size(b), size(a)), newestOrOldest)
	})
	to := make([]int64, len(sets))
	for i, set := range sets {
		share := r.share(set, allowed)
		if growing {
			share = max(min(share, left), 0)
		} else {
			share = min(max(share, left), 0)
		}
		to[i] = int64(size(set)) + share
		left -= share
	}
	to[0] = min(max(to[0]+left, 0), math.MaxInt32)
	var changes []change
	for i, set := range sets {
		changes = append(changes, r.sized(set, int32(to[i])))
	}
	return changes
}

// share is by how much a set changes when the total becomes allowed.
func (r *rollout) share(set *apps.ReplicaSet, allowed int64) int64 {
	if wanted(r.deployment) == 0 {
		return -int64(size(set))
	}
	total, known := numberIn(set, maxAnnotation)
	if !known || total <= 0 {
		total = r.deployment.Status.Replicas
	}
	if total <= 0 {
		return 0
	}
	return int64(math.Round(float64(size(set))*float64(allowed)/float64(total))) - int64(size(set))
}
