// Package controltest is an API server for tests of controllers: small, in the memory of the test, spoken to over HTTP
// by client-go's real clients (typed, metadata, discovery).
//
// It owns what controllers depend on in a server: resource versions that grow with each write, conflicts, UIDs,
// generateName, generation, graceful deletion of pods, finalizers and propagation policies, status and finalize
// subresources, all patch types but apply, selectors, watches, discovery. It never validates, defaults or authorizes.
// Watches of a resource can be held back (stale caches) and requests can be made to fail.
//
// In come HTTP requests, and calls of Put; out go responses. The tests of the controllers show it.
package controltest
