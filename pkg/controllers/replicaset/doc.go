// Package replicaset keeps as many pods as a ReplicaSet, or a ReplicationController, asks for.
//
// It owns the pods that such a set controls: it creates and deletes them, adopts matching orphans, releases pods that
// match no more, and writes the set's status. In come sets and pods from the informers; out go pods and status writes.
// It never restarts or evicts a pod for what its containers do, and never changes a set's spec.
//
// A ReplicationController has the same behaviour in an older form, so both are planned as ReplicaSets (flavours.go).
//
// plan_test.go shows the decisions, controller_test.go the whole controller against an API server in the process.
package replicaset
