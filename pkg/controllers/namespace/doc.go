// Package namespace empties namespaces that are being deleted and then lets them go.
//
// It owns the finalizer "kubernetes" in the spec of namespaces, and the conditions that tell how far the deletion is. In
// come namespaces and, by discovery and metadata, all kinds of objects in them, custom ones too; out go deletions. Pods
// end first (KEP-5080), since what they use (config, secrets, network policies) must last as long as they run; then all
// other kinds go at once. What cannot go yet (grace periods, finalizers) is watched, and its end wakes the namespace.
//
// plan_test.go shows order and conditions, controller_test.go deletions with custom kinds against an API server in the process,
// the histories of namespaces in test/histories kills, late content and groups that do not answer.
package namespace
