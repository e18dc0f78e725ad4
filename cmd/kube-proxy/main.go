// Command kube-proxy is the service proxy of a node.
package main

import (
	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/proxy/options"
)

func main() {
	component.Main("kube-proxy", "The service proxy makes Services reachable on a node, by nftables.", options.NewOptions())
}
