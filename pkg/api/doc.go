// Package api says what the API server serves: every API group, every kind, each in one file with one descriptor
// (staging/apidef). How it is served is pkg/apiserver's business.
//
// A kind is added by writing pkg/api/<group>/<kind>.go after the model of core/configmap.go (plain data) or
// apps/deployment.go (spec, status and scale), and by one line in the group's list in <group>/group.go; a group by one
// line in [Groups]. Defaults and validation come from staging/apirules.
//
// Resources that are questions and not stored objects (reviews, bindings, evictions) are in pkg/apiserver.
//
// TestDiscovery and TestTables in pkg/apiserver compare what follows from the descriptors with what a v1.36 API server shows.
package api
