package worker

import (
	"context"
	"reflect"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// worker carries one pod through its life. All but the mailbox and the snapshot belongs to its goroutine.
type worker struct {
	pool  *Pool
	state *State
	// phase is the one that was logged last.
	phase Phase

	mu sync.Mutex
	// mail is what came since the last turn; guarded by mu. It is bounded: every entry replaces its like.
	mail mail
	// snapshot is what others may see; guarded by mu.
	snapshot Snapshot
	wake     chan struct{}
	// claim is the pod with the resources that it may use of the node; guarded by the pool's mutex.
	claim *v1.Pod

	results  chan Result
	inFlight int
	// cancels ends actions that make no sense once the pod is to end.
	cancels map[string]context.CancelFunc
	targets []podstate.ProbeTarget
	// publishing is the status that is being written, published what came of those before.
	publishing *v1.PodStatus
	published  published
}

// mail is news for a worker.
type mail struct {
	pod     *v1.Pod
	gone    bool
	touched bool
	refresh bool
	nudge   bool
	ending  *podstate.Ending
	probes  map[probeKey]podstate.ProbeResult
}

type probeKey struct {
	id   string
	kind podstate.ProbeKind
}

// Snapshot is what is known of a pod at one moment. Everything in it is read-only.
type Snapshot struct {
	// Pod has the status as computed here, which may be newer than the API's.
	Pod      *v1.Pod
	Observed podstate.Observed
	// Ending says that the pod is being ended, or has ended.
	Ending bool
	// Stopped says that nothing of it runs.
	Stopped bool
}

func newWorker(pool *Pool, state *State) *worker {
	return &worker{
		pool: pool, state: state, wake: make(chan struct{}, 1), results: make(chan Result),
		cancels:  map[string]context.CancelFunc{},
		snapshot: Snapshot{Pod: state.Pod, Ending: state.Ending != nil, Stopped: state.Ending != nil || pods.IsTerminal(state.Pod)},
	}
}

// post adds news and wakes the worker. It never blocks.
func (w *worker) post(add func(*mail)) {
	w.mu.Lock()
	add(&w.mail)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run works until the pod is finished or ctx ends, and returns after every action it started has ended.
func (w *worker) run(ctx context.Context) {
	ctx = klog.NewContext(ctx, klog.LoggerWithValues(klog.FromContext(ctx), "pod", klog.KObj(w.state.Pod), "podUID", w.state.Pod.UID))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wake := w.turn(ctx)
		if w.inFlight == 0 && w.state.Finished() {
			return
		}
		timer.Stop()
		if !wake.IsZero() {
			timer.Reset(time.Until(wake))
		}
		select {
		case <-ctx.Done():
			for ; w.inFlight > 0; w.inFlight-- {
				<-w.results
			}
			return
		case r := <-w.results:
			w.finish(ctx, r)
		case <-w.wake:
		case <-timer.C:
		}
	}
}

// turn takes news in, does what is due, and says when to look again.
func (w *worker) turn(ctx context.Context) time.Time {
	w.read()
	now := time.Now()
	actions, wake := w.state.Step(now)
	if phase := w.state.Phase(); phase != w.phase {
		klog.FromContext(ctx).V(4).Info("Pod has come to another phase", "before", w.phase, "phase", phase)
		w.phase = phase
	}
	view := w.state.View(now)
	status := w.pool.cfg.Status(view)
	for _, a := range actions {
		w.launch(ctx, a, &status)
	}
	if w.state.Ending != nil {
		for _, cancel := range w.cancels {
			cancel()
		}
	}
	due, correct := w.published.due(&w.pool.cfg, w.state.Pod, &status, w.state.Ending != nil, w.state.quietUntil(), now)
	w.expose(view, &status)
	publish, again := w.state.publish(due, now)
	for _, a := range publish {
		w.launch(ctx, a, &status)
	}
	w.probe()
	return earliest(wake, again, correct)
}

// earliest gives the first of some times, of which the zero ones do not count.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if first.IsZero() || !t.IsZero() && t.Before(first) {
			first = t
		}
	}
	return first
}

func (w *worker) read() {
	w.mu.Lock()
	m := w.mail
	w.mail = mail{}
	w.mu.Unlock()
	if m.pod != nil {
		w.state.SetPod(m.pod)
	}
	if m.gone {
		w.state.Gone = true
	}
	if m.touched {
		w.state.Touch()
	}
	if m.refresh {
		w.state.Refresh()
	}
	if m.nudge {
		w.state.Nudge()
	}
	if m.ending != nil {
		w.state.End(*m.ending, time.Now())
	}
	for _, r := range m.probes {
		w.state.Probe(r)
	}
}

// expose stores what others may see.
func (w *worker) expose(view *podstate.View, status *v1.PodStatus) {
	pod := *w.state.Pod
	pod.Status = *status
	w.mu.Lock()
	w.snapshot = Snapshot{Pod: &pod, Observed: view.Observed, Ending: view.Ending != nil, Stopped: view.Finished}
	w.mu.Unlock()
}

func (w *worker) look() Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snapshot
}

// probe tells the probes what to look at, if that has changed.
func (w *worker) probe() {
	targets := w.state.Targets()
	same := len(targets) == len(w.targets)
	for i := 0; same && i < len(targets); i++ {
		a, b := targets[i], w.targets[i]
		same = a.ContainerID == b.ContainerID && a.Started == b.Started && a.Ending == b.Ending && a.Host == b.Host &&
			reflect.DeepEqual(a.Container, b.Container)
	}
	if !same {
		w.targets = targets
		w.pool.cfg.Probes(w.state.Pod, targets)
	}
}

// launch carries an action out beside the worker. status is what the worker knows now; nobody changes it any more.
func (w *worker) launch(ctx context.Context, a Action, status *v1.PodStatus) {
	if a.Kind == Event {
		eventType := v1.EventTypeNormal
		if a.Warning {
			eventType = v1.EventTypeWarning
		}
		w.pool.cfg.Event(w.state.Pod, a.Container, eventType, a.Reason, a.Message)
		return
	}
	klog.FromContext(ctx).V(4).Info("Starting action", "action", a)
	ctx, cancel := context.WithCancel(ctx)
	turn, giveUp := context.WithCancel(ctx)
	switch a.Kind {
	case PullImage, PostStart, MountVolumes, RefreshVolumes:
		w.cancels[a.key()] = cancel
	case CreateSandbox, StartContainer:
		w.cancels[a.key()] = giveUp
	}
	task := w.task(a, status)
	w.inFlight++
	if a.Kind == PublishStatus {
		w.publishing = status
	}
	go func() {
		r := w.carryOut(ctx, turn, task)
		giveUp()
		cancel()
		r.Action = a
		w.results <- r
	}()
}

// carryOut does an action. One that has to wait for its turn does so until turn ends.
func (w *worker) carryOut(ctx, turn context.Context, task Task) Result {
	switch {
	case task.Action.Kind == GrantResources:
		return w.pool.grant(w, task.Pod)
	case isStart(task.Action.Kind):
		return w.pool.starts.do(turn, task.Action.Kind, func() Result { return w.pool.cfg.Do(ctx, task) })
	}
	return w.pool.cfg.Do(ctx, task)
}

func (w *worker) task(a Action, status *v1.PodStatus) Task {
	s := w.state
	t := Task{Action: a, Pod: s.Pod, Observed: s.Observed, CgroupParent: s.prepared.cgroupParent, Volumes: s.prepared.volumes}
	if a.Kind == PublishStatus {
		t.Status = status
		return t
	}
	if a.Kind == Remember {
		t.Memory = s.admitted.remembering
	}
	if a.Kind == StartContainer {
		t.Image = s.memo(a.Container).image
	}
	// Containers see the addresses that are known now, not only those that the API has.
	pod := *s.Pod
	pod.Status = *status
	switch a.Kind {
	case GrantResources:
		t.Pod = &pod
	case EnsureCgroup:
		t.Pod = s.withCgroup(&pod)
	default:
		t.Pod = s.withAllocated(&pod)
	}
	return t
}

// finish takes the result of an action in.
func (w *worker) finish(ctx context.Context, r Result) {
	w.inFlight--
	delete(w.cancels, r.Action.key())
	if r.Err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).V(2).Info("Action failed", "action", r.Action, "err", r.Err)
	}
	if r.Action.Kind == PublishStatus && r.Err == nil && r.Pod != nil {
		w.published.took(w.publishing, r.Pod.ResourceVersion)
	}
	w.state.Apply(r, time.Now())
}
