package garbagecollector

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// node is one object that has been seen. It is replaced when the object changes, never modified.
type node struct {
	resource schema.GroupVersionResource
	kind     schema.GroupKind
	object   metav1.Object // from an informer: read-only
}

func (n *node) uid() types.UID                  { return n.object.GetUID() }
func (n *node) owners() []metav1.OwnerReference { return n.object.GetOwnerReferences() }
func (n *node) deleting() bool                  { return n.object.GetDeletionTimestamp() != nil }
func (n *node) hasFinalizer(name string) bool   { return slices.Contains(n.object.GetFinalizers(), name) }

// foreground says whether the object waits for the end of its dependents.
func (n *node) foreground() bool {
	return n.deleting() && n.hasFinalizer(metav1.FinalizerDeleteDependents)
}

// orphaning says whether the object waits until its dependents do not name it any more.
func (n *node) orphaning() bool {
	return n.deleting() && n.hasFinalizer(metav1.FinalizerOrphanDependents)
}

// blocks says whether the node must be gone before owner, which is deleted in the foreground, may go.
func (n *node) blocks(owner types.UID) bool {
	return slices.ContainsFunc(n.owners(), func(ref metav1.OwnerReference) bool {
		return ref.UID == owner && ref.BlockOwnerDeletion != nil && *ref.BlockOwnerDeletion
	})
}

// blocksAny says whether some owner must wait for the node.
func (n *node) blocksAny() bool {
	return slices.ContainsFunc(n.owners(), func(ref metav1.OwnerReference) bool { return n.blocks(ref.UID) })
}

// graph holds the nodes and who depends on whom. Its methods return the UIDs of nodes that need a look.
type graph struct {
	nodes map[types.UID]*node
	// dependents are by the UID of the owner, whether that has been seen or not.
	dependents map[types.UID]map[types.UID]*node
}

func newGraph() *graph {
	return &graph{nodes: map[types.UID]*node{}, dependents: map[types.UID]map[types.UID]*node{}}
}

// put adds or replaces a node.
func (g *graph) put(now *node) []types.UID {
	uid := now.uid()
	old := g.nodes[uid]
	var wake []types.UID
	if old != nil {
		g.unlink(old)
		wake = g.unblocked(old, now)
	}
	g.nodes[uid] = now
	for _, ref := range now.owners() {
		if g.dependents[ref.UID] == nil {
			g.dependents[ref.UID] = map[types.UID]*node{}
		}
		g.dependents[ref.UID][uid] = now
	}
	if g.needsLook(now) && (old == nil || old.deleting() != now.deleting() || !slices.Equal(old.object.GetFinalizers(), now.object.GetFinalizers()) || ownersChanged(old, now)) {
		wake = append(wake, uid)
	}
	return wake
}

// needsLook says whether there may be something to do for a node as it stands.
func (g *graph) needsLook(n *node) bool {
	if n.deleting() {
		return n.foreground() || n.orphaning()
	}
	return slices.ContainsFunc(n.owners(), func(ref metav1.OwnerReference) bool {
		owner := g.nodes[ref.UID]
		return owner == nil || owner.foreground() || !reaches(ref, owner, n)
	})
}

// unblocked are the owners that a change of a dependent may set free.
func (g *graph) unblocked(old, now *node) []types.UID {
	var wake []types.UID
	for _, ref := range old.owners() {
		owner := g.nodes[ref.UID]
		if owner != nil && owner.deleting() && (now == nil || old.blocks(ref.UID) != now.blocks(ref.UID)) {
			wake = append(wake, ref.UID)
		}
	}
	return wake
}

// remove takes a node away.
func (g *graph) remove(uid types.UID) []types.UID {
	old := g.nodes[uid]
	if old == nil {
		return nil
	}
	g.unlink(old)
	delete(g.nodes, uid)
	wake := g.unblocked(old, nil)
	for dependent := range g.dependents[uid] {
		wake = append(wake, dependent)
	}
	return wake
}

// removeKind takes all nodes of a resource away.
func (g *graph) removeKind(resource schema.GroupVersionResource) []types.UID {
	var wake []types.UID
	for uid, n := range g.nodes {
		if n.resource == resource {
			wake = append(wake, g.remove(uid)...)
		}
	}
	return wake
}

func (g *graph) unlink(n *node) {
	for _, ref := range n.owners() {
		delete(g.dependents[ref.UID], n.uid())
		if len(g.dependents[ref.UID]) == 0 {
			delete(g.dependents, ref.UID)
		}
	}
}

// pending are all nodes that need a look, for the time when all kinds have been listed.
func (g *graph) pending() []types.UID {
	var wake []types.UID
	for uid, n := range g.nodes {
		if g.needsLook(n) {
			wake = append(wake, uid)
		}
	}
	return wake
}

// dependentsOf are the nodes that name owner.
func (g *graph) dependentsOf(owner types.UID) []*node {
	var all []*node
	for _, n := range g.dependents[owner] {
		all = append(all, n)
	}
	return all
}

// waitsForItself says whether n is deleted in the foreground and waits, over others that are too, for its own end: nobody would
// ever go first. It may be nil.
func (g *graph) waitsForItself(n *node) bool {
	if n == nil || !n.foreground() {
		return false
	}
	seen := map[types.UID]struct{}{}
	next := []types.UID{n.uid()}
	for len(next) > 0 {
		owner := next[len(next)-1]
		next = next[:len(next)-1]
		for uid, d := range g.dependents[owner] {
			if !d.foreground() || !d.blocks(owner) {
				continue
			}
			if uid == n.uid() {
				return true
			}
			if _, twice := seen[uid]; !twice {
				seen[uid] = struct{}{}
				next = append(next, uid)
			}
		}
	}
	return false
}

// reaches says whether ref, in an object like dependent, can mean owner: kind and name are as referred to, and the owner is
// cluster-wide or in the same namespace. The UID alone does not make an owner.
func reaches(ref metav1.OwnerReference, owner, dependent *node) bool {
	group, err := schema.ParseGroupVersion(ref.APIVersion)
	namespace := owner.object.GetNamespace()
	return err == nil && owner.kind == schema.GroupKind{Group: group.Group, Kind: ref.Kind} && ref.Name == owner.object.GetName() &&
		(namespace == "" || namespace == dependent.object.GetNamespace())
}

func ownersChanged(old, now *node) bool {
	return !slices.EqualFunc(old.owners(), now.owners(), func(a, b metav1.OwnerReference) bool { return a.UID == b.UID })
}
