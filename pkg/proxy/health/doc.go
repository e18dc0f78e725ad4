// Package health answers those who ask whether to send traffic to this node.
//
// Services serves the health check node ports of load-balanced Services with local
// traffic policy: 200 with the number of local endpoints, or 503 when there is none or
// the proxy does not work. Proxier keeps the proxy's own state and serves /healthz
// (works, and the node is not being taken away: the answer for load balancers of
// Services with cluster traffic policy, KEP-3836) and /livez (works).
//
// In come values (model.HealthCheck, marks of work queued and done); out goes HTTP. The
// paths, codes, header and JSON fields are those of upstream's proxy, as load
// balancers expect. The package decides nothing about endpoints. health_test.go asks
// real servers on loopback.
package health
