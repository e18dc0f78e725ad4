package eviction

import (
	"context"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

const (
	// period is how often the node is observed, relieving while something is being done about a shortage.
	period    = 10 * time.Second
	relieving = time.Second
	// measuring is the least time between two measurements of pods with limits on what they have on disk.
	measuring = 15 * time.Second
	// maxWait is how long an ended pod is waited for before another one is ended.
	maxWait = 30 * time.Second
)

// Config is what a Manager works with.
type Config struct {
	Thresholds []Threshold
	// Transition is how long a pressure is told after it has gone.
	Transition time.Duration
	// MaxGrace bounds the seconds that a pod gets at a soft threshold; negative for no bound.
	MaxGrace int64
	// Observe reads the signals of the node. What cannot be read is left out, with an error.
	Observe func(ctx context.Context) (map[Signal]Observation, error)
	// Free frees disk space that nobody needs (images that are not used).
	Free func(ctx context.Context) error
	// Candidates are the pods that run, with what they use and have requested of the resource.
	Candidates func(ctx context.Context, r Resource) []Candidate
	// Local gives the pods that have limits on what they have on the node's disk, with what they have; nil enforces none.
	Local func(ctx context.Context) map[*v1.Pod]LocalUse
	// End ends a pod; Stopped says whether nothing of it runs any more.
	End     func(pod *v1.Pod, e podstate.Ending)
	Stopped func(uid types.UID) bool
	// Changed is told the pressure after it has changed. It must not block.
	Changed func(Pressure)
}

// Manager relieves the node.
type Manager struct {
	cfg   Config
	state *State
	// victim is the pod that was ended last, until it has stopped; freed says that disk space was freed for the present
	// shortage. Both are owned by Run's goroutine.
	victim      types.UID
	victimSince time.Time
	freed       bool
	// measured is when pods with limits were measured last; owned by Run's goroutine.
	measured time.Time

	mu       sync.Mutex
	pressure Pressure // guarded by mu
}

// New makes a Manager.
func New(cfg Config) *Manager {
	return &Manager{cfg: cfg, state: NewState(cfg.Thresholds, cfg.Transition)}
}

// Pressure is what the node is short of.
func (m *Manager) Pressure() Pressure {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pressure
}

// Run works until ctx ends.
func (m *Manager) Run(ctx context.Context) error {
	if len(m.cfg.Thresholds) == 0 && m.cfg.Local == nil {
		<-ctx.Done()
		return nil
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		m.enforceLimits(ctx)
		if m.look(ctx) {
			timer.Reset(relieving)
		} else {
			timer.Reset(period)
		}
	}
}

// enforceLimits ends the pods that have more on the node's disk than they may.
func (m *Manager) enforceLimits(ctx context.Context) {
	now := time.Now()
	if m.cfg.Local == nil || now.Sub(m.measured) < measuring {
		return
	}
	m.measured = now
	for pod, use := range m.cfg.Local(ctx) {
		if e := OverLimit(pod, use); e != nil {
			klog.FromContext(ctx).Info("Evicting pod", "pod", klog.KObj(pod), "podUID", pod.UID, "reason", e.Message, "usage", use.Total)
			m.cfg.End(pod, *e)
		}
	}
}

// look observes the node and does one thing about the worst shortage. It says whether there is one.
func (m *Manager) look(ctx context.Context) (short bool) {
	logger := klog.FromContext(ctx)
	observed, err := m.cfg.Observe(ctx)
	if err != nil && ctx.Err() == nil {
		logger.Error(err, "Could not observe everything that may run short")
	}
	now := time.Now()
	pressure, due := m.state.Decide(now, observed)
	m.setPressure(ctx, pressure)
	if len(due) == 0 {
		m.freed = false
		return m.victim != "" && m.waits(now)
	}
	if m.waits(now) {
		return true
	}
	worst := due[0]
	if r := worst.Signal.Resource(); (r == DiskSpace || r == Inodes) && !m.freed {
		m.freed = true
		logger.Info("Freeing disk space", "signal", worst.Signal, "available", worst.Available, "threshold", worst.Amount)
		if err := m.cfg.Free(ctx); err != nil && ctx.Err() == nil {
			logger.Error(err, "Could not free all disk space that nobody needs")
		}
		return true
	}
	m.endOne(ctx, now, worst)
	return true
}

// waits says whether the pod that was ended last is still on its way.
func (m *Manager) waits(now time.Time) bool {
	if m.victim == "" {
		return false
	}
	if !m.cfg.Stopped(m.victim) && now.Sub(m.victimSince) < maxWait {
		return true
	}
	m.victim = ""
	return false
}

func (m *Manager) endOne(ctx context.Context, now time.Time, s Shortage) {
	logger := klog.FromContext(ctx)
	ranked := Rank(m.cfg.Candidates(ctx, s.Signal.Resource()))
	if len(ranked) == 0 {
		logger.V(2).Info("The node runs short and no pod can be ended", "signal", s.Signal, "available", s.Available, "threshold", s.Amount)
		return
	}
	first := ranked[0]
	logger.Info("Evicting pod", "pod", klog.KObj(first.Pod), "podUID", first.Pod.UID, "signal", s.Signal,
		"available", s.Available, "threshold", s.Amount, "usage", first.Usage, "request", first.Request)
	m.victim, m.victimSince = first.Pod.UID, now
	m.cfg.End(first.Pod, Ending(s, first, m.cfg.MaxGrace))
}

func (m *Manager) setPressure(ctx context.Context, p Pressure) {
	m.mu.Lock()
	before := m.pressure
	m.pressure = p
	m.mu.Unlock()
	if before != p {
		klog.FromContext(ctx).Info("Pressure on the node has changed", "memory", p.Memory, "disk", p.Disk, "pids", p.PID)
		m.cfg.Changed(p)
	}
}
