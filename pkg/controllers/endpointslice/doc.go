// Package endpointslice keeps the EndpointSlices of services with selectors.
//
// It owns the slices that are labelled as managed by it. What slices should be there is decided by the reconciler of
// k8s.io/endpointslice, the published contract; this package observes (services, pods, nodes, slices), and passes the
// reconciler's writes through the ledger of package control. So it has no plan of its own. In come informers, out go EndpointSlices. Services without
// selector and of type ExternalName are left to others.
//
// controller_test.go shows it.
package endpointslice
