// Package garbagecollector deletes objects whose owners have gone, and carries out foreground deletion and orphaning.
//
// It owns the graph of owner references over all kinds of objects, custom ones too, and the finalizers
// foregroundDeletion and orphan. In come all objects: from the informers that the process has anyhow, and for all other
// kinds from informers of metadata, which it starts and ends as kinds come and go. Out go deletions, and patches of
// owner references and finalizers.
//
// Safety: an object is only deleted when each of its owners has been looked for on the server and was not there, and
// only in the version in which its owners were seen (precondition), so that a stale graph can delay a deletion but
// never cause a wrong one. Foreground deletion and orphaning wait until all kinds have been listed.
//
// graph.go keeps the graph, plan.go decides, controller.go observes and acts, monitors.go follows the kinds.
// graph_test.go and plan_test.go show the pure parts, controller_test.go whole cascades against an API server in the
// process.
package garbagecollector
