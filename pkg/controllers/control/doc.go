// Package control is the frame that every controller stands in.
//
// It owns the things that all controllers need in the same way, so that a controller is only a pure plan and the thin
// code that observes and applies:
//
//   - Loop: queue, workers and sources of one controller-runtime controller over the given shared informers.
//   - the ledger: read-your-writes. Writes made with Create, Update, Patch and Delete of this package are remembered
//     for the key that is being reconciled; the key is not reconciled again before the informers have shown them.
//     There are no expectations, and no polling: the event that shows the last write wakes the key.
//   - Workload: what the controllers of Deployments, ReplicaSets, StatefulSets, DaemonSets and Jobs do alike. They are woken
//     by their objects and by the children of these, adopt and release children by Claim, and create and delete pods.
//   - Claim: which objects a parent owns, adopts and releases.
//   - SlowStart: creating many objects without flooding a server that refuses them.
//   - NewMapper: kinds that are installed at any time are found.
//   - indexes by controller, pods from templates, and the order in which pods are given up.
//
// In come Dependencies (informers, the client with the controller's own identity, the recorder); out goes a Loop whose
// Run ends after everything that it started has ended. The package never starts informers, never reads from the server
// by itself and holds no global state.
//
// Shown by ledger_test.go (stale caches, races between response and event), claim_test.go, batch_test.go and
// loop_test.go (a whole loop against an API server in the process).
package control
