package integration

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/metrics/legacyregistry"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/yaml"
)

// onPanic is told of each panic that a library recovers: of reconcilers, of handlers of requests and of queues' workers.
var onPanic atomic.Pointer[func(fault any, stack []byte)]

// tellPanics adds the handler. It may be called once, before any test: the libraries read the list without a lock.
func tellPanics() {
	utilruntime.PanicHandlers = append(utilruntime.PanicHandlers, func(_ context.Context, fault any) {
		if f := onPanic.Load(); f != nil && fault != http.ErrAbortHandler {
			(*f)(fault, debug.Stack())
		}
	})
}

// journal remembers what was written last, for whoever reads a failure.
type journal struct {
	mu     sync.Mutex
	last   []written // guarded by mu; at most 12
	panics []string  // guarded by mu
}

type written struct {
	what   string
	object *unstructured.Unstructured
}

func (j *journal) wrote(what string, u *unstructured.Unstructured) {
	one := written{what, u.DeepCopy()}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last = append(j.last[max(len(j.last)-11, 0):], one)
}

func (j *journal) panicked(fault any, stack []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	text := fmt.Sprintf("panic: %v\n%s", fault, stack)
	if len(j.panics) < 5 {
		j.panics = append(j.panics, text)
		// At once: a panic that is thrown again ends the process.
		fmt.Fprintf(os.Stderr, "%s\nwritten before, the last at the end:\n", text)
		for _, one := range j.last {
			fmt.Fprintf(os.Stderr, "---\n# %s\n%s", one.what, asYAML(one.object))
		}
	}
}

// asYAML is an object for people, without what the server adds.
func asYAML(u *unstructured.Unstructured) string {
	u = u.DeepCopy()
	u.SetManagedFields(nil)
	text, err := yaml.Marshal(u.Object)
	if err != nil {
		return err.Error()
	}
	return string(text[:min(len(text), 6000)])
}

// heapBound is what all parts, the watch caches and the objects themselves may have on the heap, in bytes. The storm takes about
// a third of that; a list with an element of a byte for each of 2147483647 replicas has twice as much.
const heapBound = 1 << 30

// watchHeap ends the process when the heap passes its bound, before the machine has none left.
func watchHeap(t *testing.T, j *journal) (peak *atomic.Uint64) {
	peak = &atomic.Uint64{}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapAlloc))
			if m.HeapAlloc > heapBound {
				stacks := make([]byte, 1<<20)
				j.panicked(fmt.Sprintf("the heap has %d MiB, its bound is %d MiB", m.HeapAlloc>>20, heapBound>>20), stacks[:runtime.Stack(stacks, true)])
				panic("heap")
			}
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return peak
}

// meter counts requests by client.
type meter struct {
	mu     sync.Mutex
	counts map[string]int // guarded by mu
}

// connect makes a connection count.
func (m *meter) connect(who string, c *rest.Config) *rest.Config {
	c.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			m.mu.Lock()
			m.counts[fmt.Sprintf("requests of %s", who)]++
			m.counts[fmt.Sprintf("  %s %s %s", who, r.Method, r.URL.Path)]++
			m.mu.Unlock()
			return next.RoundTrip(r)
		})
	})
	return c
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// read returns what has been counted since the start: requests by client, reconciliations by controller, all requests to the
// server, and the process's CPU time in milliseconds.
func (m *meter) read(t *testing.T) map[string]int {
	t.Helper()
	m.mu.Lock()
	out := maps.Clone(m.counts)
	m.mu.Unlock()
	reconciles, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	requests, err := legacyregistry.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(reconciles, requests...) {
		for _, one := range f.Metric {
			switch f.GetName() {
			case "controller_runtime_reconcile_total":
				for _, l := range one.Label {
					if l.GetName() == "controller" {
						out["reconciliations of "+l.GetValue()] += int(one.Counter.GetValue())
					}
				}
			case "apiserver_request_total":
				out["requests to the server"] += int(one.Counter.GetValue())
			}
		}
	}
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	out["CPU milliseconds"] = int((use.Utime.Nano() + use.Stime.Nano()) / 1e6)
	return out
}

// The bounds at rest, a minute. A loop without pause makes ten thousands; what is tried again with a pause that doubles up
// to 100 s, a few a minute for each object.
const (
	mostRequests        = 600
	mostReconciliations = 1200
	mostCPU             = 20_000
	restWindow          = 5 * time.Second
	restWithin          = 90 * time.Second
)

func bound(what string) int {
	switch {
	case strings.HasPrefix(what, "reconciliations"):
		return mostReconciliations
	case what == "CPU milliseconds":
		return mostCPU
	case what == "requests to the server":
		return 3 * mostRequests
	case strings.HasPrefix(what, "requests"):
		return mostRequests
	}
	return 1 << 30
}

// awaitRest counts until everything is within its bounds, and returns what was counted in the last window, by the minute.
func (m *meter) awaitRest(t *testing.T) {
	t.Helper()
	start := time.Now()
	for {
		before := m.read(t)
		<-time.After(restWindow) // it is a rate that is measured
		rate, over := map[string]int{}, []string(nil)
		for what, n := range m.read(t) {
			rate[what] = (n - before[what]) * int(time.Minute/restWindow)
			if rate[what] > bound(what) {
				over = append(over, fmt.Sprintf("%s: %d a minute, at most %d are allowed", what, rate[what], bound(what)))
			}
		}
		if len(over) == 0 {
			t.Logf("at rest %.0f s after the storm; a minute:%s", time.Since(start).Seconds(), most(rate, 12))
			return
		}
		if time.Since(start) > restWithin {
			t.Errorf("a loop without pause: %s\nall of a minute:%s", strings.Join(over, "; "), most(rate, 40))
			return
		}
	}
}

func most(rate map[string]int, n int) string {
	names := slices.SortedFunc(maps.Keys(rate), func(a, b string) int { return cmp.Or(-cmp.Compare(rate[a], rate[b]), cmp.Compare(a, b)) })
	var out strings.Builder
	for _, name := range names[:min(n, len(names))] {
		if rate[name] > 0 {
			fmt.Fprintf(&out, "\n%8d %s", rate[name], name)
		}
	}
	return out.String()
}
