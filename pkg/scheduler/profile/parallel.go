package profile

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/kube-scheduler/framework"
)

// inlinePieces is how many pieces of work are done by the caller alone: up to there, waking other cores costs more than
// it saves.
const inlinePieces = 256

// parallelizer splits work over the cores there are, at most the configured parallelism.
type parallelizer struct {
	workers int
}

var _ framework.Parallelizer = parallelizer{}

func newParallelizer(parallelism int) parallelizer {
	return parallelizer{workers: max(1, min(parallelism, runtime.GOMAXPROCS(0)))}
}

// Until does all pieces, or stops when ctx ends.
func (p parallelizer) Until(ctx context.Context, pieces int, do workqueue.DoWorkPieceFunc, _ string) {
	if p.workers == 1 || pieces <= inlinePieces {
		for i := 0; i < pieces && ctx.Err() == nil; i++ {
			do(i)
		}
		return
	}
	chunk := max(1, pieces/(8*p.workers))
	var next atomic.Int64
	work := func() {
		for ctx.Err() == nil {
			start := int(next.Add(int64(chunk))) - chunk
			if start >= pieces {
				return
			}
			for i := start; i < min(start+chunk, pieces); i++ {
				do(i)
			}
		}
	}
	var wg sync.WaitGroup
	for range p.workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}
