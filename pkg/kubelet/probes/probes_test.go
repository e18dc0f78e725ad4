package probes

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

func TestCounter(t *testing.T) {
	for _, tc := range []struct {
		name             string
		success, failure int32
		results          string
		// want has one letter a result: + or - for a verdict, . for none.
		want string
	}{
		{"defaults give a verdict at once", 0, 0, "+-+", "+-+"},
		{"three failures in a row", 1, 3, "--+---", "..+..-"},
		{"two successes in a row", 2, 1, "+-++-", ".-.+-"},
		{"a verdict holds while the run goes on", 1, 2, "----", ".---"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCounter(&v1.Probe{SuccessThreshold: tc.success, FailureThreshold: tc.failure})
			got := ""
			for _, r := range tc.results {
				if c.add(r == '+') {
					got += string(r)
				} else {
					got += "."
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
		})
	}
}

type told struct {
	At      time.Duration
	Kind    podstate.ProbeKind
	Healthy bool
}

// run probes one container for a minute; answer gives the result at a time since the start.
func run(t *testing.T, c *v1.Container, started bool, answer func(kind string, at time.Duration) Verdict) (verdicts []told, events int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		began := time.Now()
		var mu sync.Mutex
		var forgotten bool
		observed := 0
		m := New(ctx, Config{
			Run: func(_ context.Context, h v1.ProbeHandler, _ podstate.ProbeTarget, _ time.Duration) (Verdict, string) {
				return answer(h.Exec.Command[0], time.Since(began)), "text"
			},
			Notify: func(r podstate.ProbeResult) {
				mu.Lock()
				defer mu.Unlock()
				verdicts = append(verdicts, told{time.Since(began), r.Kind, r.Healthy})
			},
			Event: func(*v1.Pod, string, string, string, string) {
				mu.Lock()
				defer mu.Unlock()
				events++
			},
			Observe: func(*v1.Pod, string, podstate.ProbeKind, Verdict, time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				if observed++; forgotten {
					t.Error("a probe is observed of a pod that was forgotten")
				}
			},
			Forget: func(*v1.Pod) {
				mu.Lock()
				defer mu.Unlock()
				forgotten = true
			},
		})
		pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "u"}}
		targets := []podstate.ProbeTarget{{Container: c, ContainerID: "1", StartedAt: began, Started: started}}
		m.Set(pod, targets)
		// Telling the same again must not start anything anew.
		m.Set(pod, targets)
		time.Sleep(time.Minute)
		synctest.Wait()
		m.Set(pod, nil)
		synctest.Wait()
		if n := len(m.running); n != 0 {
			t.Errorf("%d pods still probed", n)
		}
		if !forgotten || observed == 0 {
			t.Errorf("%d probes were observed, forgotten at the end: %v", observed, forgotten)
		}
		cancel()
		m.Wait()
	})
	return verdicts, events
}

func probe(name string, initial, period, failures int32) *v1.Probe {
	return &v1.Probe{
		ProbeHandler:        v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{name}}},
		InitialDelaySeconds: initial, PeriodSeconds: period, FailureThreshold: failures, TimeoutSeconds: 1,
	}
}

func TestManager(t *testing.T) {
	t.Run("readiness flaps, liveness fails after its threshold", func(t *testing.T) {
		c := &v1.Container{Name: "c", ReadinessProbe: probe("ready", 5, 10, 1), LivenessProbe: probe("live", 0, 10, 3)}
		got, events := run(t, c, true, func(kind string, at time.Duration) Verdict {
			if kind == "ready" && at < 20*time.Second || kind == "live" && at < 15*time.Second {
				return Success
			}
			return Failure
		})
		want := []told{
			{0, podstate.Liveness, true},
			{5 * time.Second, podstate.Readiness, true},
			{25 * time.Second, podstate.Readiness, false},
			{40 * time.Second, podstate.Liveness, false},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("verdicts (-want +got):\n%s", diff)
		}
		// Readiness at 25, 35, 45, 55; liveness at 20, 30, 40, then it stops.
		if events != 7 {
			t.Errorf("%d events, want 7", events)
		}
	})
	t.Run("only the start-up probe runs before it has passed", func(t *testing.T) {
		c := &v1.Container{Name: "c", StartupProbe: probe("start", 0, 10, 30), ReadinessProbe: probe("ready", 0, 1, 1)}
		got, _ := run(t, c, false, func(kind string, at time.Duration) Verdict {
			if kind == "start" && at < 15*time.Second {
				return Failure
			}
			return Success
		})
		if diff := cmp.Diff([]told{{20 * time.Second, podstate.Startup, true}}, got); diff != "" {
			t.Errorf("verdicts (-want +got):\n%s", diff)
		}
	})
	t.Run("what cannot be carried out counts for nothing", func(t *testing.T) {
		c := &v1.Container{Name: "c", LivenessProbe: probe("live", 0, 1, 1)}
		got, events := run(t, c, true, func(string, time.Duration) Verdict { return Unknown })
		if len(got) != 0 {
			t.Errorf("verdicts %v, want none", got)
		}
		if events == 0 {
			t.Error("no event tells that the probe cannot be carried out")
		}
	})
}

// TestWarning: a probe that succeeds with a warning is a success, and users are told.
func TestWarning(t *testing.T) {
	got, events := run(t, &v1.Container{Name: "c", ReadinessProbe: probe("ready", 0, 30, 1)}, true, func(string, time.Duration) Verdict { return Warning })
	if diff := cmp.Diff([]told{{0, podstate.Readiness, true}}, got); diff != "" || events != 3 {
		t.Errorf("%d events, want one for each of 3 probes; verdicts (-want +got):\n%s", events, diff)
	}
}
