// Package desired says which pods this node is to run.
//
// It owns the choice of this node's pods among all that the informer holds, the order in which new ones are presented (oldest
// first at the start, so that a restart gives the node to the same pods), and the finding of orphans: what the node still
// holds of pods that are no longer desired. In come informer events and the list of what was found on the node; out go calls
// of [Sink]. It never looks inside a pod. TestDesired shows the calls.
package desired
