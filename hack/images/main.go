// Command images packs the programs pause and coredns, made before by `make build tools`, into image archives.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/proa-sh/proa/pkg/cluster/images"
)

func main() {
	bin := flag.String("bin", "bin", "directory with the programs; the archives go to images/ below it")
	flag.Parse()
	if err := images.WriteSystem(filepath.Join(*bin, "images"), *bin); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}
