// Command benchstart measures cold starts of the cluster: it starts and deletes one of its own several times and prints
// the account of each start with its wall time, and the median.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	proa := flag.String("proa", "bin/proa", "program to measure")
	count := flag.Int("n", 5, "number of starts")
	port := flag.String("api-port", "16443", "port of its API server")
	flag.Parse()
	if err := run(*proa, *count, *port); err != nil {
		fmt.Fprintln(os.Stderr, "benchstart:", err)
		os.Exit(1)
	}
}

func run(proa string, count int, port string) error {
	dir, err := os.MkdirTemp("", "proa-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	data := filepath.Join(dir, "data")
	call := func(args ...string) error {
		cmd := exec.Command(proa, append([]string{"--data-dir", data, "--api-port", port}, args...)...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		return cmd.Run()
	}
	var times []time.Duration
	for i := range count {
		fmt.Printf("start %d of %d\n", i+1, count)
		began := time.Now()
		err := call("up")
		times = append(times, time.Since(began))
		if resetErr := call("reset", "--yes"); resetErr != nil {
			return fmt.Errorf("clean up: %w", resetErr)
		}
		if err != nil {
			return fmt.Errorf("start: %w", err)
		}
		fmt.Printf("wall time %.3f s\n\n", times[i].Seconds())
	}
	slices.Sort(times)
	if len(times) > 0 {
		fmt.Printf("median of %d: %.3f s\n", len(times), times[len(times)/2].Seconds())
	}
	return nil
}
