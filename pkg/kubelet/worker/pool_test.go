package worker

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// world is a container runtime and an API for a pool.
type world struct {
	mu sync.Mutex
	// pods are the runtime's, done the actions carried out, version that of the API; guarded by mu.
	pods    map[types.UID]*podstate.Observed
	done    []string
	version int
	targets int
	refuse  *podstate.Reason
	// hang makes an action last until its context ends.
	hang Kind
	// refusal is how the API answers a status; nil takes it.
	refusal error
	// refresh is when volumes are to be refreshed next, seen from now; nil for never.
	refresh *time.Duration
}

func (w *world) do(ctx context.Context, t Task) Result {
	if t.Action.Kind == w.hang {
		<-ctx.Done()
		return Result{Err: ctx.Err()}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.pods[t.Pod.UID]
	if o == nil {
		o = &podstate.Observed{UID: t.Pod.UID}
		w.pods[t.Pod.UID] = o
	}
	var r Result
	switch a := t.Action; a.Kind {
	case MountVolumes, RefreshVolumes:
		if w.refresh != nil {
			r.Refresh = time.Now().Add(*w.refresh)
		}
	case Inspect:
		r.Observed = *o
		r.Observed.Sandboxes = append([]podstate.Sandbox{}, o.Sandboxes...)
		r.Observed.Containers = append([]podstate.Container{}, o.Containers...)
		return r
	case CreateSandbox:
		o.Sandboxes = []podstate.Sandbox{{ID: "s", Ready: true}}
	case StartContainer:
		r.ID = "c" + strconv.Itoa(int(a.Attempt))
		o.Containers = append([]podstate.Container{{ID: r.ID, Name: a.Container, SandboxID: "s", Attempt: a.Attempt, Phase: podstate.Running}}, o.Containers...)
	case StopContainer:
		o.Containers[0].Phase = podstate.Exited
	case StopSandbox:
		o.Sandboxes[0].Ready = false
	case RemoveContainer:
		o.Containers = o.Containers[1:]
	case RemoveSandbox:
		o.Sandboxes = nil
	case PublishStatus:
		if w.refusal != nil {
			r.Err, r.Refused = w.refusal, true
			break
		}
		w.version++
		pod := t.Pod.DeepCopy()
		pod.ResourceVersion = strconv.Itoa(w.version)
		pod.Status = *t.Status
		// An API that does not keep a field must not be told for ever.
		pod.Status.NominatedNodeName = ""
		r.Pod = pod
	}
	w.done = append(w.done, string(t.Action.Kind))
	return r
}

func (w *world) pool(ctx context.Context) *Pool { return NewPool(ctx, NewRegistry(), w.config()) }

func (w *world) config() Config {
	return Config{
		Settings: Settings{CrashMax: CrashMax, RuntimeName: "test", Hash: func(*v1.Container) string { return "" }},
		Do:       w.do,
		Status: func(v *podstate.View) v1.PodStatus {
			s := v1.PodStatus{NominatedNodeName: "dropped", Phase: v1.PodPending}
			if len(v.Observed.Live()) > 0 {
				s.Phase = v1.PodRunning
			}
			if v.Ending != nil {
				s.Reason = v.Ending.Reason
			}
			return s
		},
		Changed: func(a, b *v1.PodStatus) bool { return !cmp.Equal(a, b) },
		Repeats: func(a, b *v1.PodStatus) bool { return cmp.Equal(a, b) },
		Event:   func(*v1.Pod, string, string, string, string) {},
		Probes: func(_ *v1.Pod, targets []podstate.ProbeTarget) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.targets = len(targets)
		},
		Admit: func(*v1.Pod, []*v1.Pod) *podstate.Reason { return w.refuse },
		Fits:  func(*v1.Pod, []*v1.Pod) *podstate.Reason { return nil },
	}
}

// inPool does something with a pool in the world, under a synthetic clock, and ends the pool.
func inPool(t *testing.T, w *world, do func(t *testing.T, w *world, p *Pool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		w.pods = map[types.UID]*podstate.Observed{}
		p := w.pool(ctx)
		do(t, w, p)
		cancel()
		p.Wait()
	})
}

func (w *world) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	done := w.done
	w.done = nil
	return done
}

func aPod() *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u"},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c"}}, TerminationGracePeriodSeconds: new(int64(5))},
	}
}

func TestPool(t *testing.T) {
	inPool(t, &world{}, func(t *testing.T, w *world, p *Pool) {
		p.Update(aPod(), false)
		synctest.Wait()
		if s, ok := p.Snapshot("u"); !ok || s.Pod.Status.Phase != v1.PodRunning || w.targets != 1 {
			t.Fatalf("snapshot %+v, %d probed", s, w.targets)
		}
		w.take()
		// Nothing happens without a reason, however long it lasts.
		time.Sleep(time.Hour)
		synctest.Wait()
		if done := w.take(); len(done) > 0 {
			t.Errorf("an idle pod caused %v", done)
		}
		dying := aPod()
		dying.Status.Phase = v1.PodRunning
		w.version++
		dying.ResourceVersion = strconv.Itoa(w.version)
		dying.DeletionTimestamp, dying.DeletionGracePeriodSeconds = &metav1.Time{Time: time.Now()}, new(int64(5))
		p.Update(dying, false)
		synctest.Wait()
		p.Delete("u")
		synctest.Wait()
		want := []string{"stop-container", "publish-status", "stop-sandbox", "unmount-volumes", "remove-cgroup", "delete-pod", "remove-container", "remove-sandbox", "remove-logs"}
		got := w.take()
		// Publishing runs beside the rest, as unmounting and the cgroup do.
		less := func(list []string) map[string]int {
			m := map[string]int{}
			for _, s := range list {
				m[s]++
			}
			return m
		}
		if diff := cmp.Diff(less(want), less(got)); diff != "" {
			t.Errorf("the end (-want +got):\n%s", diff)
		}
		if _, ok := p.Snapshot("u"); ok || w.targets != 0 {
			t.Error("the worker is still there")
		}
	})
}

// TestPoolDeletesWithoutStatus: an API that refuses the final status, as it does in a namespace that is gone, gets the pod
// deleted all the same, and what was used on the node is free before.
func TestPoolDeletesWithoutStatus(t *testing.T) {
	inPool(t, &world{}, func(t *testing.T, w *world, p *Pool) {
		p.Update(aPod(), false)
		synctest.Wait()
		w.take()
		w.mu.Lock()
		w.refusal = errors.New("namespaces \"ns\" not found")
		w.version++
		w.mu.Unlock()
		dying := aPod()
		dying.ResourceVersion = strconv.Itoa(w.version)
		dying.DeletionTimestamp, dying.DeletionGracePeriodSeconds = &metav1.Time{Time: time.Now()}, new(int64(5))
		p.Update(dying, false)
		<-time.After(time.Minute)
		synctest.Wait()
		done := w.take()
		deleted, offered := slices.Index(done, string(DeletePod)), 0
		if deleted < 0 {
			t.Fatalf("the pod was not deleted; done: %v", done)
		}
		for _, d := range done[:deleted] {
			if d == string(PublishStatus) {
				offered++
			}
		}
		if offered < maxRefusals || !slices.Contains(done[:deleted], string(UnmountVolumes)) || !slices.Contains(done[:deleted], string(RemoveCgroup)) {
			t.Errorf("status offered %d times before the deletion; done: %v", offered, done)
		}
		if slices.Contains(done[deleted+1:], string(DeletePod)) {
			t.Errorf("deleted more than once: %v", done)
		}
		// The object is there until the API says that it is gone.
		if _, ok := p.Snapshot("u"); !ok {
			t.Error("the worker has left before the object has")
		}
		p.Delete("u")
		synctest.Wait()
		if _, ok := p.Snapshot("u"); ok {
			t.Error("the worker is still there")
		}
	})
}

// TestPoolCorrectsLater: what somebody else writes into the status stands for a while, and goes at once with news.
func TestPoolCorrectsLater(t *testing.T) {
	inPool(t, &world{}, func(t *testing.T, w *world, p *Pool) {
		p.Update(aPod(), false)
		synctest.Wait()
		w.take()
		tamper := func() {
			pod := aPod()
			w.mu.Lock()
			w.version++
			pod.ResourceVersion = strconv.Itoa(w.version)
			w.mu.Unlock()
			pod.Status.Message = "somebody else's"
			p.Update(pod, false)
			synctest.Wait()
		}
		tamper()
		time.Sleep(correctAfter - time.Second)
		tamper()
		if done := w.take(); len(done) > 0 {
			t.Errorf("before its time: %v", done)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"publish-status"}, w.take()); diff != "" {
			t.Errorf("the correction (-want +got):\n%s", diff)
		}
		tamper()
		p.End("u", podstate.Ending{Reason: "Evicted"})
		synctest.Wait()
		if done := w.take(); !slices.Contains(done, "publish-status") {
			t.Errorf("news waits for the correction: %v", done)
		}
	})
}

func TestPoolRejects(t *testing.T) {
	inPool(t, &world{refuse: &podstate.Reason{Reason: "OutOfcpu"}}, func(t *testing.T, w *world, p *Pool) {
		p.Update(aPod(), false)
		synctest.Wait()
		s, ok := p.Snapshot("u")
		if !ok || s.Pod.Status.Reason != "OutOfcpu" || !s.Ending {
			t.Errorf("snapshot %+v", s)
		}
		for _, done := range w.take() {
			if done == string(CreateSandbox) {
				t.Error("a refused pod got a sandbox")
			}
		}
		// What ran before this kubelet is not asked again.
		again := aPod()
		again.UID = "u2"
		p.Update(again, true)
		synctest.Wait()
		if s, _ := p.Snapshot("u2"); s.Ending {
			t.Error("a pod that ran before was refused")
		}
	})
}

// TestPoolStops: the end of the context ends every action and is waited for; so does a deletion with a pull under way.
func TestPoolStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		w := &world{pods: map[types.UID]*podstate.Observed{}, hang: PullImage}
		p := w.pool(ctx)
		p.Update(aPod(), false)
		synctest.Wait()
		p.Delete("u")
		synctest.Wait()
		if _, ok := p.Snapshot("u"); ok {
			t.Error("a pull holds back the end of a pod")
		}
		second := aPod()
		second.UID = "u2"
		p.Update(second, false)
		synctest.Wait()
		cancel()
		p.Wait()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Error("the context has not ended")
		}
	})
}

// TestPoolRefreshIsPaced: a time that has passed is no reason to refresh without end.
func TestPoolRefreshIsPaced(t *testing.T) {
	past := -time.Minute
	inPool(t, &world{refresh: &past}, func(t *testing.T, w *world, p *Pool) {
		p.Update(aPod(), false)
		<-time.After(time.Minute)
		synctest.Wait()
		count := 0
		for _, done := range w.take() {
			if done == string(RefreshVolumes) {
				count++
			}
		}
		if count < 10 || count > 60 {
			t.Errorf("volumes were refreshed %d times in a minute", count)
		}
	})
}
