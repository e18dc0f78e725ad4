// Package conntrack keeps the kernel's connection tracking in step with Services.
//
// A UDP "connection" lasts as long as packets flow, so a client that keeps sending
// would be tied for ever to an endpoint that is gone, or to nothing if it began before
// there was an endpoint. In come the fronts of UDP ports that changed with the
// endpoints they may still go to; Forget deletes all other entries of these fronts.
// TCP and SCTP clients notice by themselves and are left alone. Settings sizes the
// table and its timeouts as KubeProxyConfiguration asks.
//
// The decisions (stale, Plan) are pure and tested by tables; conntrack_test.go also
// deletes a real entry in a network namespace of its own. The package works in the
// network namespace of the process and never touches entries of other fronts.
package conntrack
