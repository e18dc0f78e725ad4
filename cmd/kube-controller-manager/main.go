// Command kube-controller-manager is the control loops of a cluster.
package main

import (
	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/controllermanager/options"
)

func main() {
	component.Main("kube-controller-manager", "The controller manager runs the control loops that bring the state of the cluster to what is wanted.", options.NewOptions())
}
