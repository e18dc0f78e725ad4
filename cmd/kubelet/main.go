// Command kubelet is the agent that runs pods on a node.
package main

import (
	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/kubelet/options"
)

func main() {
	component.Main("kubelet", "The kubelet runs the pods of a node, by a container runtime that speaks CRI.", options.NewOptions())
}
