// Package objects reads the ConfigMaps and Secrets that pods name.
//
// It owns two ways: [Lister] from informers that the process holds anyway, and [Watcher] with one watch per object for a lone
// kubelet, which the node authorizer allows single objects only. In come names, and from the Watcher's user the pods on the
// node; out go objects, read-only, and a call for each change. It never writes. TestLister and TestWatcher show both.
package objects
