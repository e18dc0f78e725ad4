// Command proa makes a whole Kubernetes cluster of this machine, and takes it away again.
package main

import (
	"os"

	"github.com/proa-sh/proa/pkg/cluster/command"
)

func main() {
	os.Exit(command.Main(os.Args[1:]))
}
