package component

import (
	"fmt"
	"sync"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

// Counter is a metric that only grows.
type Counter interface{ Inc() }

// counters are those of the process, by name: /metrics of the libraries' servers is one for the process, and several
// servers in it count together.
var counters struct {
	sync.Mutex
	made map[string]*metrics.Counter
}

// NewCounter returns the counter of that name, which it adds to /metrics at the first call.
func NewCounter(name, help string) (Counter, error) {
	counters.Lock()
	defer counters.Unlock()
	if c, ok := counters.made[name]; ok {
		return c, nil
	}
	c := metrics.NewCounter(&metrics.CounterOpts{Name: name, Help: help, StabilityLevel: metrics.ALPHA})
	if err := legacyregistry.Register(c); err != nil {
		return nil, fmt.Errorf("add metric %s: %w", name, err)
	}
	if counters.made == nil {
		counters.made = map[string]*metrics.Counter{}
	}
	counters.made[name] = c
	return c, nil
}
