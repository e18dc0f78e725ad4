package control

import (
	"context"
	"errors"
	"sync"
)

// SlowStart calls act for 0 ... count-1, at first for one, then for two at once, four, and so on. After a batch with a
// failure it stops: a server that refuses one object (quota, admission) mostly refuses them all, and is asked once. It
// returns how many calls succeeded, and all errors.
func SlowStart(ctx context.Context, count int, act func(ctx context.Context, i int) error) (int, error) {
	done := 0
	for size := 1; done < count; size *= 2 {
		size = min(size, count-done)
		first := done
		failed := together(size, func(i int) error { return act(ctx, first+i) })
		done += size - len(failed)
		if len(failed) > 0 {
			return done, errors.Join(failed...)
		}
	}
	return done, nil
}

// parallelWrites bounds how many requests one reconciliation has under way at the same time.
const parallelWrites = 32

// All calls act for 0 ... count-1, many at once, and returns all errors.
func All(ctx context.Context, count int, act func(ctx context.Context, i int) error) error {
	var failed []error
	for first := 0; first < count; first += parallelWrites {
		failed = append(failed, together(min(parallelWrites, count-first), func(i int) error { return act(ctx, first+i) })...)
	}
	return errors.Join(failed...)
}

// together calls act for 0 ... count-1 at once, waits for all, and returns the errors.
func together(count int, act func(i int) error) []error {
	results := make([]error, count)
	if count == 1 {
		results[0] = act(0)
	} else {
		var wg sync.WaitGroup
		for i := range count {
			wg.Go(func() { results[i] = act(i) })
		}
		wg.Wait()
	}
	var failed []error
	for _, err := range results {
		if err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}
