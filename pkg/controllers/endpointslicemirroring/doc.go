// Package endpointslicemirroring copies Endpoints that somebody writes by hand, for services without selector, into
// EndpointSlices, which is all that proxies read.
//
// It owns the slices that are labelled as managed by it. In come Endpoints, services and slices; out go slices. Endpoints
// of services with selector, of locks, and those marked to be skipped are left alone.
//
// plan_test.go shows the slices, controller_test.go the controller.
package endpointslicemirroring
