// Package dns runs the cluster's name service, CoreDNS, as a Deployment.
//
// In come Params (address, domain, image, the node's resolv.conf, the node to prefer); Objects turns them
// into API objects, a pure function, and Apply writes these by server-side apply, which
// may be repeated. Out goes nothing else: the package runs no server and knows no node.
//
// manifests/addons/coredns.yaml is the result for the default parameters; dns_test.go
// compares the two, and applies the objects to a fake API server twice.
package dns
