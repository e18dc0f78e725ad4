// Package core owns the rules of the v1 group: pods and their templates, services, endpoints, nodes, namespaces,
// configuration, accounts, events, limits, quotas, replication controllers and volumes.
//
// In: v1 objects as a client sent them or as they are stored. Out: the same object with aliases merged (Normalize) and
// unset fields filled (SetDefaults), field.ErrorList (Validate...) and warnings. Only Normalize, SetDefaults, Prepare
// and Drop functions change their argument; none keeps a reference to it, reads a clock or knows other objects.
//
// Pod templates and claim templates of other groups are ruled by the exported functions on PodTemplateSpec and
// PersistentVolumeClaimSpec here.
//
// pod_*_test.go, service_test.go and their like show each rule by one mutation of a valid object; fuzz_test.go shows
// that nothing panics and that Normalize and SetDefaults are idempotent.
package core
