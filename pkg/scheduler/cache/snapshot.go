package cache

import (
	"errors"
	"fmt"

	"k8s.io/kube-scheduler/framework"
)

// ErrNodeNotFound is returned for a node that the snapshot does not have.
var ErrNodeNotFound = errors.New("node not found in the snapshot")

// minChangeLog is how many changes the log of a small cluster may hold; in a large one, one for each node.
const minChangeLog = 1024

// Snapshot is the state of the cluster that scheduling cycles see. It belongs to the goroutine that runs the cycles:
// Cache.Update changes it between cycles and nothing changes it during one, so the cycle's helpers may read it
// concurrently. The NodeInfos in it are immutable.
type Snapshot struct {
	generation int64
	infos      []framework.NodeInfo
	index      map[string]int
	affinity   nodeList
	anti       nodeList
	claims     map[string]int

	// log holds the latest replacements of NodeInfos, oldest first; logStart is the version before the first of them.
	log      []Change
	logStart Version
	epoch    int
}

// Version names a state of a snapshot, for Changes.
type Version struct {
	epoch, changes int
}

// Change is the replacement of one node's NodeInfo.
type Change struct {
	// Position is the node's index in NodeInfos.
	Position int
	Old, New *NodeInfo
}

var (
	_ framework.SharedLister      = &Snapshot{}
	_ framework.NodeInfoLister    = &Snapshot{}
	_ framework.StorageInfoLister = &Snapshot{}
)

// NewSnapshot is an empty snapshot.
func NewSnapshot() *Snapshot {
	return &Snapshot{index: map[string]int{}, affinity: newNodeList(), anti: newNodeList(), claims: map[string]int{}}
}

// Update brings a snapshot up to date. Its cost follows the number of nodes that have changed since the last time,
// unless nodes came or went.
func (c *Cache) Update(s *Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.images.flush()
	if c.order.changed {
		s.rebuild(c)
		c.order.changed = false
	} else {
		for e := c.newest; e != nil && e.info.generation > s.generation; e = e.older {
			if e.info.node != nil {
				s.replace(e.info)
			}
		}
	}
	s.generation = c.generation
}

func (s *Snapshot) rebuild(c *Cache) {
	names := c.order.list()
	*s = Snapshot{
		infos: make([]framework.NodeInfo, 0, len(names)), index: make(map[string]int, len(names)),
		affinity: newNodeList(), anti: newNodeList(), claims: map[string]int{},
		epoch: s.epoch + 1, logStart: Version{epoch: s.epoch + 1},
	}
	for i, name := range names {
		info := c.nodes[name].info
		s.index[name] = i
		s.infos = append(s.infos, info)
		s.track(name, &NodeInfo{}, info)
	}
}

func (s *Snapshot) replace(info *NodeInfo) {
	name := info.node.Name
	i, ok := s.index[name]
	if !ok {
		return
	}
	old := s.infos[i].(*NodeInfo)
	s.infos[i] = info
	s.track(name, old, info)
	if limit := max(minChangeLog, len(s.infos)); len(s.log) >= 2*limit {
		s.logStart.changes += len(s.log) - limit
		s.log = append(make([]Change, 0, 2*limit), s.log[len(s.log)-limit:]...)
	}
	s.log = append(s.log, Change{Position: i, Old: old, New: info})
}

// track keeps the lists of nodes with affinity and the counts of claims.
func (s *Snapshot) track(name string, old, info *NodeInfo) {
	s.affinity.set(name, info, len(info.affinity) > 0)
	s.anti.set(name, info, len(info.antiAffinity) > 0)
	for claim := range old.pvcs {
		if s.claims[claim]--; s.claims[claim] <= 0 {
			delete(s.claims, claim)
		}
	}
	for claim := range info.pvcs {
		s.claims[claim]++
	}
}

// Version is the present state's name.
func (s *Snapshot) Version() Version {
	return Version{epoch: s.epoch, changes: s.logStart.changes + len(s.log)}
}

// Changes are the replacements since a version, oldest first. It is false when the log does not reach back that far,
// or nodes came or went since: the caller must start anew from List.
func (s *Snapshot) Changes(since Version) ([]Change, bool) {
	if since.epoch != s.epoch || since.changes < s.logStart.changes {
		return nil, false
	}
	return s.log[since.changes-s.logStart.changes:], true
}

// NodeInfos lists nodes.
func (s *Snapshot) NodeInfos() framework.NodeInfoLister { return s }

// StorageInfos answers questions about claims.
func (s *Snapshot) StorageInfos() framework.StorageInfoLister { return s }

// PodGroupStates knows no pod group: the alpha API that has them is not served.
func (s *Snapshot) PodGroupStates() framework.PodGroupStateLister { return noPodGroups{} }

type noPodGroups struct{}

func (noPodGroups) Get(namespace, name string) (framework.PodGroupState, error) {
	return nil, fmt.Errorf("get pod group %s/%s: %w", namespace, name, framework.ErrNotFound)
}

// List is all nodes. Read-only.
func (s *Snapshot) List() ([]framework.NodeInfo, error) { return s.infos, nil }

// Len is the number of nodes.
func (s *Snapshot) Len() int { return len(s.infos) }

// HavePodsWithAffinityList is the nodes with pods that have affinity terms. Read-only.
func (s *Snapshot) HavePodsWithAffinityList() ([]framework.NodeInfo, error) {
	return s.affinity.infos, nil
}

// HavePodsWithRequiredAntiAffinityList is the nodes with pods whose anti-affinity terms must hold. Read-only.
func (s *Snapshot) HavePodsWithRequiredAntiAffinityList() ([]framework.NodeInfo, error) {
	return s.anti.infos, nil
}

// Get is one node.
func (s *Snapshot) Get(name string) (framework.NodeInfo, error) {
	if i, ok := s.index[name]; ok {
		return s.infos[i], nil
	}
	return nil, fmt.Errorf("get node %q: %w", name, ErrNodeNotFound)
}

// IsPVCUsedByPods tells whether a pod on some node uses the claim "namespace/name".
func (s *Snapshot) IsPVCUsedByPods(key string) bool { return s.claims[key] > 0 }

// nodeList is a set of nodes that can be listed without a copy.
type nodeList struct {
	infos []framework.NodeInfo
	index map[string]int
}

func newNodeList() nodeList { return nodeList{index: map[string]int{}} }

func (l *nodeList) set(name string, info *NodeInfo, member bool) {
	i, was := l.index[name]
	switch {
	case member && was:
		l.infos[i] = info
	case member:
		l.index[name] = len(l.infos)
		l.infos = append(l.infos, info)
	case was:
		last := len(l.infos) - 1
		l.infos[i] = l.infos[last]
		l.index[l.infos[i].Node().Name] = i
		l.infos[last] = nil
		l.infos = l.infos[:last]
		delete(l.index, name)
	}
}

// Position is a node's index in List.
func (s *Snapshot) Position(name string) (int, bool) {
	i, ok := s.index[name]
	return i, ok
}
