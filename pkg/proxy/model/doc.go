// Package model says what a service proxy on one node has to do, as values.
//
// In come a Service, its EndpointSlices and a Node (the name, zone and addresses
// of the node the proxy runs on); out goes one ServicePort per port and address
// family: the addresses at which it is reached (Exposure) and the endpoints that
// may answer there, after readiness, termination, traffic policy and topology have
// been taken into account. Claims decides between Services that want the same
// address and port.
//
// The package never reads a clock or a cache, never talks to the kernel and never
// keeps or changes the objects it is given. Odd objects (addresses that do not
// parse, ports out of range, missing fields) lose the odd part, never more.
//
// ports_test.go shows the decisions as tables, claims_test.go the conflicts.
package model
