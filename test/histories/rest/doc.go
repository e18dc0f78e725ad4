// Package rest says of a workload what has not come to rest: what its status must tell when all has happened that its spec asks
// for.
//
// In: an object of the API. Out: an error that says what is otherwise. It is used on the simulator's objects (package histories)
// and on those of a real cluster (package faults), and knows neither.
//
// Shown by rest_test.go.
package rest
