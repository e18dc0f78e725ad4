// Package record is the kubelet's memory: one durable record for each pod that the node has taken.
//
// It owns the files <dir>/<uid>.json and their format ([Record], [Version]). What a kubelet does to the node for a pod is
// written here before it is done: that the pod was taken and with which resources, which mounts its volumes will have, and what
// is needed to end it in good order when its object is gone. A kubelet that starts reads all of it, and so knows what the one
// before it meant to do, at whatever moment that one ended.
//
// In come changes of records as functions, out go values. A change is on disk when [Store.Change] returns: a temporary file is
// written, synced and renamed, then the directory is synced. A file that cannot be read is set aside as <uid>.json.bad with an
// error in the log; its pod counts as not remembered, and whoever asks falls back to what the runtime and the API tell. There are
// as many records as pods on the node, and at most a few files set aside.
//
// It never decides anything and knows no other stage. TestStore shows a life over restarts, TestCrashes what a crash between any
// two steps of a write leaves.
package record
