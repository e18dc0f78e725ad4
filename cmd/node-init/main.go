// Command node-init is the first process of a further node on this machine. It is started by proa, with the file that says
// what the node is to be.
package main

import (
	"fmt"
	"os"

	"github.com/proa-sh/proa/pkg/cluster/machine/first"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "node-init is started by proa, as the first process of a node")
		os.Exit(2)
	}
	if err := first.Run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
