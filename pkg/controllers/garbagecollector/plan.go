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

// action is one thing to do with an object: forgetOwners, remove, dropFinalizer, orphan or wakeDependents.
type action interface{ isAction() }

// forgetOwners takes these references to owners away.
type forgetOwners struct{ references []metav1.OwnerReference }

// remove deletes the object.
type remove struct{ policy metav1.DeletionPropagation }

// dropFinalizer takes a finalizer away.
type dropFinalizer struct{ finalizer string }

// orphan takes the reference to the object from these dependents.
type orphan struct{ dependents []*node }

// wakeDependents lets these dependents see that their owner waits for them.
type wakeDependents struct{ dependents []*node }

// unblock lets the object's owners go before it, which ends a circle of objects that wait for each other. Then its
// owners are gone, and it follows.
type unblock struct{}

func (forgetOwners) isAction()   {}
func (remove) isAction()         {}
func (dropFinalizer) isAction()  {}
func (orphan) isAction()         {}
func (wakeDependents) isAction() {}
func (unblock) isAction()        {}

// decideEnding decides what an object that is being deleted needs, given its dependents.
func decideEnding(n *node, dependents []*node) []action {
	switch {
	case n.orphaning():
		if len(dependents) > 0 {
			return []action{orphan{dependents}, dropFinalizer{metav1.FinalizerOrphanDependents}}
		}
		return []action{dropFinalizer{metav1.FinalizerOrphanDependents}}
	case n.foreground():
		blocking := slices.DeleteFunc(slices.Clone(dependents), func(d *node) bool { return !d.blocks(n.uid()) })
		if len(blocking) == 0 {
			return []action{dropFinalizer{metav1.FinalizerDeleteDependents}}
		}
		fresh := slices.DeleteFunc(blocking, (*node).deleting)
		if len(fresh) == 0 {
			return nil
		}
		return []action{wakeDependents{fresh}}
	default:
		return nil
	}
}

// decideDependent decides what becomes of an object whose owners are in these states, in their order. Two references may
// have one UID, of which one means its object and the other none.
func decideDependent(n *node, owners []state, dependents []*node) []action {
	var gone, wait []metav1.OwnerReference
	alive := 0
	for i, ref := range n.owners() {
		switch owners[i] {
		case dangling:
			gone = append(gone, ref)
		case waiting:
			wait = append(wait, ref)
		default:
			alive++
		}
	}
	switch {
	case len(n.owners()) == 0:
		return nil
	case alive > 0 && len(gone)+len(wait) == 0:
		return nil
	case alive > 0:
		return []action{forgetOwners{append(gone, wait...)}}
	case len(wait) > 0 && len(dependents) > 0:
		// The owner waits for this object and so for its dependents: they end in the foreground too.
		if slices.ContainsFunc(dependents, (*node).foreground) {
			return []action{unblock{}}
		}
		return []action{remove{metav1.DeletePropagationForeground}}
	case n.hasFinalizer(metav1.FinalizerOrphanDependents):
		return []action{remove{metav1.DeletePropagationOrphan}}
	case n.hasFinalizer(metav1.FinalizerDeleteDependents):
		return []action{remove{metav1.DeletePropagationForeground}}
	default:
		return []action{remove{metav1.DeletePropagationBackground}}
	}
}
