// Package handler carries out the actions that probes and life-cycle hooks are made of: a command in a container, an HTTP
// request, a TCP connection, a gRPC health check.
//
// It owns how each is done and what counts as success. In come an action and where the pod can be reached; out go a verdict
// and the text that events show. It knows no thresholds and no containers' states. The tests run against real servers.
package handler
