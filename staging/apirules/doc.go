// Package apirules is the map of the module: the rules that a Kubernetes 1.36 API server applies to the v1 types of
// k8s.io/api, as pure functions. No server, no scheme, no feature gate registry and no k8s.io/kubernetes is needed.
//
// One package per API group, one file (or family of files) per kind. For a kind K a package has
//
//	NormalizeK(*v1.K)                             what a server hides in conversion: aliases, merged twins (idempotent)
//	SetKDefaults(*v1.K)                           values of unset fields (idempotent)
//	ValidateK(*v1.K) field.ErrorList              rules for a new object
//	ValidateKUpdate(new, old *v1.K)               rules for a change of spec and metadata
//	ValidateKStatusUpdate(new, old *v1.K)         rules for a change of status
//	KWarnings(new, old *v1.K) []string            what is accepted but better avoided
//
// with the members that a kind has use for. The order on a write is Normalize, SetDefaults, then validation. Validation
// expects a defaulted object: a field that defaults fill is reported as required when it is empty.
//
//	meta/    rules every kind shares: object metadata, names, label selectors, references
//	core/    v1: pods and everything around them, services, nodes, volumes, namespaces
//	apps/    apps/v1      batch/  batch/v1
//	admissionregistration/ autoscaling/ certificates/ coordination/ discovery/ flowcontrol/ networking/ node/ policy/
//	rbac/ resource/ scheduling/ storage/  the v1 (autoscaling: v1 and v2) types of the group of that name
//
// Where a rule needs more than two objects, it is asked for: admissionregistration.Rules takes a compiler of CEL
// expressions. Where the stored object may hold what a new one may not, the Update functions tolerate it.
//
// Not here: what a strategy does with an object (generation, status resets, field ownership, allocated addresses and
// ports) and admission (priority, service accounts, limits, quota). Errors carry the field path, type and, where clients
// can see it, the wording of the API server.
//
// The packages' fuzz tests show that no storable object, however odd, makes a function panic, and that Normalize and
// SetDefaults are idempotent.
package apirules
