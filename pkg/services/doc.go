// Package services answers pure questions about Services: which of them a
// service proxy serves, which addresses they have, which traffic policies they
// ask for.
//
// In comes a Service of k8s.io/api/core/v1, out go values. Nothing here reads a
// clock, a cache or the network, keeps state, or changes its argument.
// services_test.go shows the answers as tables.
package services
