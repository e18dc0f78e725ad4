// Package api says what the API server serves: every API group, every kind, each in one file with one descriptor
// (staging/apidef). How it is served is pkg/apiserver's business.
//
// A kind is added by writing pkg/api/<group>/<kind>.go after the model of core/configmap.go (plain data) or
// apps/deployment.go (spec, status and scale), by one line in the group's list in <group>/group.go, and by an object of
// it in testdata/objects.yaml (for its table) and in test/integration/testdata/kinds.yaml (for a real server); a group by
// one line in [Groups]. Defaults and validation come from staging/apirules; TestRulesAreUsed finds a rule that no
// descriptor has. Conversions between versions of a kind are in convert/, shared cells of tables in columns/.
//
// Resources that are questions and not stored objects (reviews, bindings, evictions) are in pkg/apiserver.
//
// TestDiscovery and TestColumns compare what follows from the descriptors with what a v1.36 API server shows, TestCells
// the tables of sample objects with a golden file, TestCodecs and TestDefaults random objects with themselves after
// encoding, conversion and defaults. TestKinds and TestViews in test/integration do the same with a real server.
package api
