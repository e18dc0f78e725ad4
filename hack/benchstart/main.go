// Command benchstart measures what a cluster costs: how long it takes from `proa up` until the API answers, the node is
// ready and the first pod runs, from nothing and again with data; and what it takes of memory, processor and disk when
// nothing happens, with as many sleeping pods as are wanted. It makes and deletes a cluster of its own several times and prints the medians as Markdown tables.
//
//	go run ./hack/benchstart -n 5 -idle 2m
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

type options struct {
	proa, dataDir string
	count, pods   int
	idle, window  time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.proa, "proa", "bin/proa", "program to measure, with its helpers and images beside it")
	flag.StringVar(&o.dataDir, "data-dir", "/var/lib/proa-bench", "data directory of the clusters; it must not exist")
	flag.IntVar(&o.count, "n", 5, "number of starts of each kind")
	flag.DurationVar(&o.idle, "idle", 2*time.Minute, "how long the cluster is left alone before what it takes is measured; 0 leaves that out")
	flag.IntVar(&o.pods, "pods", 0, "how many pods that do nothing run while the cluster is left alone, beside the cluster DNS")
	flag.DurationVar(&o.window, "window", time.Minute, "how long processor and disk are measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "benchstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, o options) (err error) {
	if _, err := os.Stat(o.dataDir); err == nil {
		return fmt.Errorf("%s exists; remove it with `%s --data-dir %s reset`, or choose another with -data-dir", o.dataDir, o.proa, o.dataDir)
	}
	if o.proa, err = filepath.Abs(o.proa); err != nil {
		return err
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer func() {
		if resetErr := b.proa(context.WithoutCancel(ctx), "reset", "--yes"); resetErr != nil && err == nil {
			err = fmt.Errorf("clean up: %w", resetErr)
		}
	}()
	var fresh, again []start
	for i := range o.count {
		first, second, err := b.bothStarts(ctx)
		if err != nil {
			return fmt.Errorf("start %d of %d: %w", i+1, o.count, err)
		}
		fmt.Fprintf(os.Stderr, "start %d of %d: fresh %v, with data %v\n", i+1, o.count, first, second)
		fresh, again = append(fresh, first), append(again, second)
	}
	printStarts(out, fresh, again)
	if o.idle == 0 {
		return nil
	}
	rows, err := b.idleCost(ctx)
	if err != nil {
		return fmt.Errorf("measure the idle cluster: %w", err)
	}
	printIdle(out, rows, o)
	return nil
}
