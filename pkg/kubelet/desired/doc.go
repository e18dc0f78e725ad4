// Package desired says which pods this node is to run.
//
// It owns the choice of this node's pods among all that the informer holds, the order in which new ones are presented (at the
// start those that the node had taken, then the oldest, so that a restart gives the node to the same pods), and the finding of
// orphans: what the node still holds of pods that are no longer desired, found at the start or reported by the runtime at any
// time after. In come informer events, the records of pods, and what was found on the node; out go calls of [Sink]. It never
// looks inside a pod. TestDesired shows the calls.
package desired
