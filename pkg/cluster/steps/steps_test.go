package steps

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recorder collects events as lines.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) hooks() Hooks {
	return Hooks{
		Event:   func(e Event) { r.add(fmt.Sprintf("%v %s %s", e.At, e.Step, e.State)) },
		Started: func() { r.add("all started") },
	}
}

func (r *recorder) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

// only gives the lines that contain the word.
func (r *recorder) only(word string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []string
	for _, line := range r.lines {
		if strings.Contains(line, word) {
			lines = append(lines, line)
		}
	}
	return lines
}

// after is a wait of fake time.
func after(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// takes makes a step that needs some time to start and a millisecond to stop.
func takes(name string, d time.Duration, needs ...string) Step {
	return Step{Name: name, After: needs, Start: func(ctx context.Context, task *Task) error {
		if err := after(ctx, d); err != nil {
			return err
		}
		task.Go(func(ctx context.Context) error {
			<-ctx.Done()
			return after(context.WithoutCancel(ctx), time.Millisecond)
		})
		return nil
	}}
}

func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := Run(ctx, []Step{
			takes("server", time.Second, "store", "keys"),
			takes("keys", time.Second),
			takes("store", 3*time.Second),
			takes("runtime", 5*time.Second),
			takes("node", time.Second, "server", "runtime"),
		}, rec.hooks())
		if err != nil {
			t.Fatal(err)
		}
		started := []string{"1s keys started", "3s store started", "4s server started", "5s runtime started", "6s node started", "all started"}
		if diff := cmp.Diff(started, rec.only(" started")); diff != "" {
			t.Error(diff)
		}
		stopped := rec.only("stopped")
		for i, line := range stopped { // those of the same instant come in any order
			stopped[i] = strings.Replace(strings.Replace(line, "keys", "base", 1), "store", "base", 1)
		}
		want := []string{"1m0.001s node stopped", "1m0.002s server stopped", "1m0.003s base stopped", "1m0.003s base stopped"}
		got := append([]string{}, stopped...)
		got = deleteLine(got, "1m0.002s runtime stopped")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func deleteLine(lines []string, line string) []string {
	var kept []string
	for _, l := range lines {
		if l != line {
			kept = append(kept, l)
		}
	}
	return kept
}

func TestFailures(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name    string
		steps   []Step
		want    string // the whole error
		stopped int
	}{
		{name: "a start fails: what waits never starts, what runs stops", steps: []Step{
			takes("a", time.Second),
			{Name: "b", After: []string{"a"}, Start: func(context.Context, *Task) error { return broken }},
			takes("c", time.Second, "b"),
			takes("d", time.Hour),
		}, want: "start b: broken", stopped: 3},
		{name: "work dies later", steps: []Step{
			takes("a", time.Second),
			{Name: "b", After: []string{"a"}, Start: func(_ context.Context, task *Task) error {
				task.Go(func(ctx context.Context) error { return errors.Join(after(ctx, time.Second), broken) })
				return nil
			}},
		}, want: "run b: broken", stopped: 2},
		{name: "work ends without a word", steps: []Step{
			{Name: "a", Start: func(_ context.Context, task *Task) error {
				task.Go(func(ctx context.Context) error { return after(ctx, time.Second) })
				return nil
			}},
		}, want: "run a: it ended by itself", stopped: 1},
		{name: "a stop fails", steps: []Step{
			{Name: "a", Start: func(context.Context, *Task) error { return nil }, Stop: func(context.Context) error { return broken }},
			{Name: "b", After: []string{"a"}, Start: func(context.Context, *Task) error { return broken }},
		}, want: "start b: broken\nstop a: broken", stopped: 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rec recorder
				err := Run(t.Context(), test.steps, rec.hooks())
				if err == nil {
					t.Fatal("no error")
				}
				if diff := cmp.Diff(test.want, err.Error()); diff != "" {
					t.Error(diff)
				}
				if got := rec.only("stopped"); len(got) != test.stopped {
					t.Errorf("stopped: %v, want %d", got, test.stopped)
				}
				if got := rec.only("all started"); (len(got) > 0) != (strings.HasPrefix(test.want, "run")) {
					t.Errorf("announced: %v", got)
				}
			})
		})
	}
}

func TestStepsThatDoNotStopAreLeft(t *testing.T) {
	for _, test := range []struct {
		name  string
		deaf  func(release chan struct{}) Step
		bound string
	}{
		{name: "work goes on", bound: "2s", deaf: func(release chan struct{}) Step {
			return Step{Name: "deaf", After: []string{"base"}, StopWithin: 2 * time.Second, Start: func(_ context.Context, task *Task) error {
				task.Go(func(context.Context) error { <-release; return nil })
				return nil
			}}
		}},
		{name: "start goes on", bound: "5s", deaf: func(release chan struct{}) Step {
			return Step{Name: "deaf", After: []string{"base"}, Start: func(context.Context, *Task) error { <-release; return nil }}
		}},
		{name: "stop ends only with its context", bound: "3s", deaf: func(release chan struct{}) Step {
			return Step{Name: "deaf", After: []string{"base"}, StopWithin: 3 * time.Second,
				Start: func(_ context.Context, task *Task) error {
					task.Go(func(context.Context) error { <-release; return nil })
					return nil
				},
				Stop: func(ctx context.Context) error { <-ctx.Done(); return nil }}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rec recorder
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				release := make(chan struct{})
				err := Run(ctx, []Step{takes("base", time.Second), test.deaf(release)}, rec.hooks())
				if want := "stop deaf: it has not ended within " + test.bound; err == nil || err.Error() != want {
					t.Errorf("run: %v, want %s", err, want)
				}
				if got := len(rec.only("deaf left")); got != 1 {
					t.Errorf("left %d times", got)
				}
				if got := len(rec.only("base stopped")); got != 1 {
					t.Errorf("what it needs stopped %d times", got)
				}
				close(release)
				synctest.Wait()
				if got := rec.only("deaf stopped"); len(got) > 0 {
					t.Errorf("a step that was left still reports: %v", got)
				}
			})
		})
	}
}

func TestBrokenOffStartIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := Run(ctx, []Step{takes("a", time.Hour), takes("b", time.Second, "a")}, Hooks{}); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func TestStopRunsWhileTheStepWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var stepCtx context.Context
		step := Step{Name: "a",
			Start: func(ctx context.Context, _ *Task) error { stepCtx = ctx; return nil },
			Stop: func(ctx context.Context) error {
				if stepCtx.Err() != nil || ctx.Err() != nil {
					t.Errorf("contexts ended before Stop: %v, %v", stepCtx.Err(), ctx.Err())
				}
				return nil
			}}
		if err := Run(ctx, []Step{step}, Hooks{}); err != nil {
			t.Fatal(err)
		}
		if stepCtx.Err() == nil {
			t.Error("the step's context has not ended")
		}
	})
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name  string
		steps []Step
		want  string
	}{
		{name: "sound", steps: []Step{{Name: "b", After: []string{"a"}}, {Name: "a"}}},
		{name: "twice", steps: []Step{{Name: "a"}, {Name: "a"}}, want: `step "a" is there twice`},
		{name: "unknown", steps: []Step{{Name: "a", After: []string{"x"}}}, want: `step "a" comes after "x", which is not there`},
		{name: "circle", steps: []Step{{Name: "z", After: []string{"a"}}, {Name: "a", After: []string{"b"}}, {Name: "b", After: []string{"a"}}},
			want: "steps wait for each other: a after b after a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := Check(test.steps); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
