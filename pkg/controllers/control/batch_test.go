package control

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSlowStart(t *testing.T) {
	refused := errors.New("refused")
	tests := []struct {
		name          string
		count         int
		failing       func(i int) bool
		called, works int
	}{
		{"nothing", 0, nil, 0, 0},
		{"all", 10, nil, 10, 10},
		{"the first fails", 100, func(int) bool { return true }, 1, 0},
		{"one of the third batch fails", 100, func(i int) bool { return i == 4 }, 7, 6},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var mu sync.Mutex
			called := map[int]int{}
			works, err := SlowStart(t.Context(), test.count, func(_ context.Context, i int) error {
				mu.Lock()
				defer mu.Unlock()
				called[i]++
				if test.failing != nil && test.failing(i) {
					return refused
				}
				return nil
			})
			if works != test.works || len(called) != test.called || (err != nil) != (test.failing != nil) {
				t.Errorf("%d of %d calls worked with %v, want %d of %d", works, len(called), err, test.works, test.called)
			}
			for i := range test.called {
				if called[i] != 1 {
					t.Errorf("called %d times for %d", called[i], i)
				}
			}
		})
	}
}

func TestAll(t *testing.T) {
	var mu sync.Mutex
	called := 0
	err := All(t.Context(), 100, func(_ context.Context, i int) error {
		mu.Lock()
		defer mu.Unlock()
		called++
		if i%50 == 0 {
			return errors.New("x")
		}
		return nil
	})
	if diff := cmp.Diff("x\nx", err.Error()); diff != "" || called != 100 {
		t.Errorf("called %d times, errors (-want +got):\n%s", called, diff)
	}
}
