// Package core declares the resources of the core API group, v1, and the second version of events, events.k8s.io/v1.
//
// What a create or an update of a kind adjusts is in <kind>_prepare.go or <kind>_update.go, pure functions of the new
// and the old object. TestPreparePod, TestKeepAllocated, TestSummarize and the table goldens of pkg/api show it.
package core
