package cache

import (
	"errors"
	"fmt"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// ErrNotAssumed is returned when a pod that was to be forgotten is not an assumed one.
var ErrNotAssumed = errors.New("pod is not assumed")

// Cache holds the current state of nodes and their pods. Its methods may be called from any goroutine.
type Cache struct {
	mu sync.RWMutex
	// All fields below are guarded by mu.

	nodes map[string]*nodeEntry
	pods  map[types.UID]*podEntry
	// order changes when nodes come, go, or move to another zone.
	order nodeOrder
	// newest is the head of the list of nodes by falling generation.
	newest     *nodeEntry
	generation int64
	images     images
}

// nodeEntry is a node's place in the cache. info is shared with snapshots and therefore replaced, not written.
type nodeEntry struct {
	info         *NodeInfo
	newer, older *nodeEntry
}

type podEntry struct {
	info     *PodInfo
	nodeName string
	// assumed is true until the informer shows the pod on a node.
	assumed bool
}

// New is an empty cache.
func New() *Cache {
	return &Cache{
		nodes:  map[string]*nodeEntry{},
		pods:   map[types.UID]*podEntry{},
		order:  newNodeOrder(),
		images: newImages(),
	}
}

// SetNode adds a node or replaces its object.
func (c *Cache) SetNode(node *v1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.entry(node.Name)
	old := entry.info
	next := old.next(0)
	next.SetNode(node)
	next.images = c.images.set(node, old.images)
	c.order.set(old.node, node)
	c.replace(entry, next)
}

// RemoveNode removes a node. Its pods stay counted until the informer reports them gone, so that a node that comes
// back meanwhile is not taken for an empty one.
func (c *Cache) RemoveNode(node *v1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.nodes[node.Name]
	if !ok {
		return
	}
	if entry.info.node != nil {
		c.order.remove(entry.info.node)
	}
	c.images.removeAll(node.Name, entry.info.images)
	next := entry.info.next(0)
	next.node, next.allocatable, next.images = nil, &Resource{}, nil
	c.replace(entry, next)
	c.dropIfUnused(node.Name, entry)
}

// AssumePod counts a pod on a node before the API server knows of it. SetPod or ForgetPod ends that.
func (c *Cache) AssumePod(pod *PodInfo, nodeName string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.pods[pod.GetPod().UID]; ok {
		return fmt.Errorf("assume pod %s on node %q: it is already on node %q", klog.KObj(pod.GetPod()), nodeName, known.nodeName)
	}
	c.add(&podEntry{info: pod, nodeName: nodeName, assumed: true})
	return nil
}

// ForgetPod ends an assumption whose binding failed.
func (c *Cache) ForgetPod(pod *v1.Pod) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.pods[pod.UID]
	if !ok || !known.assumed {
		return fmt.Errorf("forget pod %s: %w", klog.KObj(pod), ErrNotAssumed)
	}
	return c.remove(known)
}

// IsAssumed tells whether a pod is counted on a node without the informer having shown it there.
func (c *Cache) IsAssumed(uid types.UID) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	known, ok := c.pods[uid]
	return ok && known.assumed
}

// NodeOf is the node that a pod is counted on, assumed or not.
func (c *Cache) NodeOf(uid types.UID) (name string, counted bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	known, ok := c.pods[uid]
	if !ok {
		return "", false
	}
	return known.nodeName, true
}

// SetPod counts a pod on the node that the API server says it is on. It confirms an assumed pod, and moves it when it
// was assumed on another node.
func (c *Cache) SetPod(pod *v1.Pod) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.pods[pod.UID]
	if ok && known.nodeName == pod.Spec.NodeName && known.info.refresh(pod) {
		known.assumed = false
		return nil
	}
	var removeErr error
	if ok {
		removeErr = c.remove(known)
	}
	info, err := NewPodInfo(pod)
	c.add(&podEntry{info: info, nodeName: pod.Spec.NodeName})
	return errors.Join(removeErr, err)
}

// RemovePod removes a pod that has ended or was deleted, whether assumed or not.
func (c *Cache) RemovePod(pod *v1.Pod) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.pods[pod.UID]
	if !ok {
		return nil
	}
	return c.remove(known)
}

// Counts are the numbers of nodes, of pods on nodes, and of pods assumed on nodes.
func (c *Cache) Counts() (nodes, pods, assumed int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, p := range c.pods {
		if p.assumed {
			assumed++
		}
	}
	return c.order.len(), len(c.pods), assumed
}

func (c *Cache) add(p *podEntry) {
	entry := c.entry(p.nodeName)
	next := entry.info.next(0)
	next.AddPodInfo(p.info)
	c.replace(entry, next)
	c.pods[p.info.GetPod().UID] = p
}

func (c *Cache) remove(p *podEntry) error {
	delete(c.pods, p.info.GetPod().UID)
	entry, ok := c.nodes[p.nodeName]
	if !ok {
		return fmt.Errorf("remove pod %s: node %q is not in the cache", klog.KObj(p.info.GetPod()), p.nodeName)
	}
	next := entry.info.next(0)
	if err := next.RemovePod(klog.Logger{}, p.info.GetPod()); err != nil {
		return err
	}
	c.replace(entry, next)
	c.dropIfUnused(p.nodeName, entry)
	return nil
}

func (c *Cache) entry(nodeName string) *nodeEntry {
	entry, ok := c.nodes[nodeName]
	if !ok {
		entry = &nodeEntry{info: &NodeInfo{allocatable: &Resource{}}}
		c.nodes[nodeName] = entry
	}
	return entry
}

// replace gives the entry a new version of its node and moves it to the head of the list.
func (c *Cache) replace(entry *nodeEntry, next *NodeInfo) {
	c.generation++
	next.generation = c.generation
	entry.info = next
	if c.newest == entry {
		return
	}
	c.unlink(entry)
	entry.older = c.newest
	if c.newest != nil {
		c.newest.newer = entry
	}
	c.newest = entry
}

func (c *Cache) unlink(entry *nodeEntry) {
	if entry.newer != nil {
		entry.newer.older = entry.older
	}
	if entry.older != nil {
		entry.older.newer = entry.newer
	}
	if c.newest == entry {
		c.newest = entry.older
	}
	entry.newer, entry.older = nil, nil
}

// dropIfUnused removes an entry that has neither a node nor pods.
func (c *Cache) dropIfUnused(nodeName string, entry *nodeEntry) {
	if entry.info.node == nil && len(entry.info.pods) == 0 {
		c.unlink(entry)
		delete(c.nodes, nodeName)
	}
}
