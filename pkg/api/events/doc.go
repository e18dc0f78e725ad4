// Package events declares the API group events.k8s.io, v1. It has no resource of its own: its events are a second version
// of the core group's (pkg/api/core/event.go), from the same storage.
package events
