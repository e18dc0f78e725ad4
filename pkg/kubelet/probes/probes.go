package probes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// Config is what a Manager works with.
type Config struct {
	// Run carries out one probe. The text is for events. A verdict that is not known says nothing about the container.
	Run func(ctx context.Context, h v1.ProbeHandler, t podstate.ProbeTarget, timeout time.Duration) (v Verdict, text string)
	// Notify receives every verdict that differs from the one before of the same instance. It must not block.
	Notify func(podstate.ProbeResult)
	// Event records an event on a container.
	Event func(pod *v1.Pod, container, eventType, reason, message string)
	// Observe takes every probe with its time; Forget tells that a pod is not probed any more. Both may be nil; they must not block.
	Observe func(pod *v1.Pod, container string, kind podstate.ProbeKind, v Verdict, took time.Duration)
	Forget  func(pod *v1.Pod)
	// Restarted: the kubelet found running containers at its start. First probes are then spread over their period, so
	// that not all of a node's probes come at once.
	Restarted func(startedAt time.Time) bool
}

// Verdict is the result of one probe.
type Verdict int

// The verdicts. Warning is a success about which users are told; Unknown is a fault of the kubelet or runtime, not of the
// container.
const (
	Success Verdict = iota
	Warning
	Failure
	Unknown
)

// Manager runs probes. It is safe for concurrent use.
type Manager struct {
	ctx context.Context
	cfg Config
	wg  sync.WaitGroup
	mu  sync.Mutex
	// running probes by pod; guarded by mu.
	running map[types.UID]map[key]context.CancelFunc
}

type key struct {
	containerID string
	kind        podstate.ProbeKind
}

// New returns a Manager whose probes end with ctx.
func New(ctx context.Context, cfg Config) *Manager {
	return &Manager{ctx: ctx, cfg: cfg, running: map[types.UID]map[key]context.CancelFunc{}}
}

// Wait returns when all probes have ended, after ctx has.
func (m *Manager) Wait() { m.wg.Wait() }

// Set makes exactly the probes of these targets run for the pod; probes that run already go on undisturbed.
func (m *Manager) Set(pod *v1.Pod, targets []podstate.ProbeTarget) {
	m.mu.Lock()
	defer m.mu.Unlock()
	want := map[key]bool{}
	have := m.running[pod.UID]
	for _, t := range targets {
		for kind, probe := range probesOf(t) {
			k := key{t.ContainerID, kind}
			want[k] = true
			if have[k] != nil {
				continue
			}
			if have == nil {
				have = map[key]context.CancelFunc{}
				m.running[pod.UID] = have
			}
			ctx, cancel := context.WithCancel(m.ctx)
			have[k] = cancel
			m.wg.Add(1)
			go func() {
				defer m.wg.Done()
				m.loop(ctx, pod, t, kind, probe)
			}()
		}
	}
	for k, cancel := range have {
		if !want[k] {
			cancel()
			delete(have, k)
		}
	}
	if _, probed := m.running[pod.UID]; probed && len(have) == 0 {
		delete(m.running, pod.UID)
		if m.cfg.Forget != nil {
			m.cfg.Forget(pod)
		}
	}
}

// observe tells of one probe, unless it has been ended meanwhile: nothing is told of a pod after Forget.
func (m *Manager) observe(ctx context.Context, pod *v1.Pod, t podstate.ProbeTarget, kind podstate.ProbeKind, v Verdict, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cfg.Observe != nil && ctx.Err() == nil {
		m.cfg.Observe(pod, t.Container.Name, kind, v, took)
	}
}

// probesOf lists the probes that run now: the start-up probe alone until it has passed, then the others; at the end only
// readiness, so that traffic follows the truth.
func probesOf(t podstate.ProbeTarget) map[podstate.ProbeKind]*v1.Probe {
	probes := map[podstate.ProbeKind]*v1.Probe{}
	if !t.Started {
		if p := t.Container.StartupProbe; p != nil && !t.Ending {
			probes[podstate.Startup] = p
		}
		return probes
	}
	if p := t.Container.ReadinessProbe; p != nil {
		probes[podstate.Readiness] = p
	}
	if p := t.Container.LivenessProbe; p != nil && !t.Ending {
		probes[podstate.Liveness] = p
	}
	return probes
}

// loop runs one probe until its context ends.
func (m *Manager) loop(ctx context.Context, pod *v1.Pod, t podstate.ProbeTarget, kind podstate.ProbeKind, probe *v1.Probe) {
	period := time.Duration(max(probe.PeriodSeconds, 1)) * time.Second
	timer := time.NewTimer(m.firstDelay(t, probe, period))
	defer timer.Stop()
	count := newCounter(probe)
	var told, healthy bool
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(period)
		ok, known := m.once(ctx, pod, t, kind, probe)
		if ctx.Err() != nil {
			return
		}
		if !known || !count.add(ok) {
			continue
		}
		if told && healthy == ok {
			continue
		}
		told, healthy = true, ok
		m.cfg.Notify(podstate.ProbeResult{UID: pod.UID, Container: t.Container.Name, ContainerID: t.ContainerID, Kind: kind, Healthy: ok})
		// The worker acts on a start-up or liveness failure by killing the instance; more probes would only add events.
		if !ok && kind != podstate.Readiness {
			return
		}
	}
}

// firstDelay is what is left of the initial delay. After a restart of the kubelet the first probe falls anywhere in a period.
func (m *Manager) firstDelay(t podstate.ProbeTarget, probe *v1.Probe, period time.Duration) time.Duration {
	delay := time.Duration(probe.InitialDelaySeconds)*time.Second - time.Since(t.StartedAt)
	if delay < 0 {
		delay = 0
	}
	if m.cfg.Restarted != nil && m.cfg.Restarted(t.StartedAt) {
		delay += rand.N(period)
	}
	return delay
}

// once carries out the probe and records what is not a success. known is false when nothing could be learned.
func (m *Manager) once(ctx context.Context, pod *v1.Pod, t podstate.ProbeTarget, kind podstate.ProbeKind, probe *v1.Probe) (ok, known bool) {
	timeout := time.Duration(max(probe.TimeoutSeconds, 1)) * time.Second
	began := time.Now()
	verdict, text := m.cfg.Run(ctx, probe.ProbeHandler, t, timeout)
	if ctx.Err() != nil {
		return false, false
	}
	m.observe(ctx, pod, t, kind, verdict, time.Since(began))
	switch verdict {
	case Success:
		return true, true
	case Warning:
		m.cfg.Event(pod, t.Container.Name, v1.EventTypeWarning, "ProbeWarning", fmt.Sprintf("%s probe warning: %s", kind, text))
		return true, true
	case Failure:
		m.cfg.Event(pod, t.Container.Name, v1.EventTypeWarning, "Unhealthy", fmt.Sprintf("%s probe failed: %s", kind, text))
		return false, true
	}
	klog.FromContext(ctx).V(2).Info("Probe could not be carried out", "pod", klog.KObj(pod), "container", t.Container.Name, "probe", kind, "err", text)
	m.cfg.Event(pod, t.Container.Name, v1.EventTypeWarning, "Unhealthy", fmt.Sprintf("%s probe errored and resulted in unknown state: %s", kind, text))
	return false, false
}
