package garbagecollector

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// state is what has become of an owner, seen from a dependent.
type state int

const (
	// solid owners exist.
	solid state = iota
	// dangling owners have gone.
	dangling
	// waiting owners are deleted in the foreground and wait for this dependent.
	waiting
)

// observed is what a plan is made from. Nothing in it is modified.
type observed struct {
	node       *node
	dependents []*node
	// owners are the states of the node's owners, in the order of its references; not known of a node that is being deleted.
	owners []state
	// circle says that the node, which is deleted in the foreground, waits for itself in the end.
	circle bool
}

// outcome is what to do with an object, in this order. At the first thing that fails the rest is left for the next time.
type outcome struct {
	// forget are the references to owners that are taken away.
	forget []metav1.OwnerReference
	// unblock lets the object's owners go before it, which ends a circle of objects that wait for each other. Then its owners
	// are gone, and it follows.
	unblock bool
	// orphan are the dependents from which the reference to the object is taken.
	orphan []*node
	// finalizer is taken away; "" is none.
	finalizer string
	// remove is how the object is deleted; "" is not at all.
	remove metav1.DeletionPropagation
	// wake are the dependents that are to see that their owner waits for them.
	wake []*node
}

// plan decides what becomes of an object.
func plan(o observed) outcome {
	if o.node.deleting() {
		return o.planEnding()
	}
	return o.planDependent()
}

// planEnding decides what an object that is being deleted needs.
func (o observed) planEnding() outcome {
	n := o.node
	switch {
	case n.orphaning():
		return outcome{orphan: o.dependents, finalizer: metav1.FinalizerOrphanDependents}
	case n.foreground():
		blocking := slices.DeleteFunc(slices.Clone(o.dependents), func(d *node) bool { return !d.blocks(n.uid()) })
		if len(blocking) == 0 {
			return outcome{finalizer: metav1.FinalizerDeleteDependents}
		}
		return outcome{unblock: o.circle && n.blocksAny(), wake: slices.DeleteFunc(blocking, (*node).deleting)}
	default:
		return outcome{}
	}
}

// planDependent decides what becomes of an object for its owners. Two references may have one UID, of which one means its
// object and the other none.
func (o observed) planDependent() outcome {
	n := o.node
	var gone, wait []metav1.OwnerReference
	alive := 0
	for i, ref := range n.owners() {
		switch o.owners[i] {
		case dangling:
			gone = append(gone, ref)
		case waiting:
			wait = append(wait, ref)
		default:
			alive++
		}
	}
	switch {
	case len(gone)+len(wait) == 0:
		return outcome{}
	case alive > 0:
		return outcome{forget: append(gone, wait...)}
	case len(wait) > 0 && len(o.dependents) > 0:
		// The owner waits for this object and so for its dependents: they end in the foreground too.
		if slices.ContainsFunc(o.dependents, (*node).foreground) {
			return outcome{unblock: true}
		}
		return outcome{remove: metav1.DeletePropagationForeground}
	case n.hasFinalizer(metav1.FinalizerOrphanDependents):
		return outcome{remove: metav1.DeletePropagationOrphan}
	case n.hasFinalizer(metav1.FinalizerDeleteDependents):
		return outcome{remove: metav1.DeletePropagationForeground}
	default:
		return outcome{remove: metav1.DeletePropagationBackground}
	}
}
