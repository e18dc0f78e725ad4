// Command build makes the test images.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/proa-sh/proa/test/images"
)

func main() {
	out := flag.String("o", "bin/images", "directory for the archives")
	flag.Parse()
	report := func(line string) { fmt.Println(line) }
	if err := images.Build(context.Background(), *out, images.Catalog(), report); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}
