// Command proa-keeper keeps the server of a cluster running. It is started by `proa up`, with the program to run.
package main

import (
	"fmt"
	"os"

	"github.com/proa-sh/proa/pkg/cluster/keeper"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "proa-keeper is started by proa, with the program to run and its arguments")
		os.Exit(2)
	}
	os.Exit(keeper.Run(os.Args[1:]))
}
