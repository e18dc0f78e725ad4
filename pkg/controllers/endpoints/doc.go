// Package endpoints keeps the Endpoints of services with selectors, for clients of that older API.
//
// It owns Endpoints objects of such services. In come services and pods; out go Endpoints. Services without selector are
// left to others, whose Endpoints are mirrored by package endpointslicemirroring.
//
// plan_test.go shows what Endpoints are made, controller_test.go the controller.
package endpoints
