package domains

import (
	"fmt"

	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// Tracker is something that is counted over all nodes.
type Tracker interface {
	// Reset forgets all that was counted.
	Reset()
	// CountNode counts a node with all its pods, sign times (1 or -1).
	CountNode(node framework.NodeInfo, sign int64)
	// CountPods counts pods that came to a node which is counted already.
	CountPods(node framework.NodeInfo, added []framework.PodInfo)
}

// Cursor is how far a tracker has counted. The zero value has counted nothing.
type Cursor struct {
	version cache.Version
	valid   bool
}

// Sync brings a tracker up to date.
func (c *Cursor) Sync(lister framework.SharedLister, t Tracker) error {
	snapshot, ok := lister.(*cache.Snapshot)
	if ok && c.valid {
		if changes, ok := snapshot.Changes(c.version); ok {
			for i := range changes {
				apply(t, changes[i].Old, changes[i].New)
			}
			c.version = snapshot.Version()
			return nil
		}
	}
	c.valid = false
	nodes, err := lister.NodeInfos().List()
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	t.Reset()
	for _, n := range nodes {
		t.CountNode(n, 1)
	}
	if ok {
		c.version, c.valid = snapshot.Version(), true
	}
	return nil
}

// Invalidate makes the next Sync count anew.
func (c *Cursor) Invalidate() { c.valid = false }

func apply(t Tracker, old, changed *cache.NodeInfo) {
	if added, ok := appended(old, changed); ok {
		if len(added) > 0 {
			t.CountPods(changed, added)
		}
		return
	}
	t.CountNode(old, -1)
	t.CountNode(changed, 1)
}

// appended are the pods that came to a node of which nothing else has changed. The cache appends to the list of pods in
// place, so equal beginnings are recognized by their address.
func appended(old, changed *cache.NodeInfo) ([]framework.PodInfo, bool) {
	before, after := old.GetPods(), changed.GetPods()
	if old.Node() != changed.Node() || len(after) < len(before) {
		return nil, false
	}
	if len(before) > 0 && &before[0] != &after[0] {
		for i := range before {
			if before[i] != after[i] {
				return nil, false
			}
		}
	}
	return after[len(before):], true
}
