package runtime

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	criapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// mute is a container runtime without an event stream.
type mute struct {
	criapi.RuntimeService
	mu    sync.Mutex
	ready bool
	// lists counts the relists.
	lists int
}

func (m *mute) GetContainerEvents(context.Context, chan *runtimeapi.ContainerEventResponse, func(runtimeapi.RuntimeService_GetContainerEventsClient)) error {
	return status.Error(codes.Unimplemented, "no events")
}

func (m *mute) ListPodSandbox(context.Context, *runtimeapi.PodSandboxFilter) ([]*runtimeapi.PodSandbox, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lists++
	state := runtimeapi.PodSandboxState_SANDBOX_NOTREADY
	if m.ready {
		state = runtimeapi.PodSandboxState_SANDBOX_READY
	}
	return []*runtimeapi.PodSandbox{{Id: "s", State: state, Labels: map[string]string{labelUID: "u"}}}, nil
}

// ListContainers has one that is no pod's.
func (m *mute) ListContainers(context.Context, *runtimeapi.ContainerFilter) ([]*runtimeapi.Container, error) {
	return []*runtimeapi.Container{{Id: "of somebody else"}}, nil
}

func (m *mute) set(ready bool) (lists int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lists, m.lists, m.ready = m.lists, 0, ready
	return lists
}

// TestWatchWithoutEvents: the runtime is listed every second only while something runs.
func TestWatchWithoutEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		m := &mute{}
		r := New(Config{CRI: m})
		var mu sync.Mutex
		changes := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Watch(ctx, func(uid types.UID) {
				mu.Lock()
				defer mu.Unlock()
				if changes++; uid != "u" {
					t.Errorf("a change of pod %q is told", uid)
				}
			})
		}()
		expect := func(when string, least, most, wantChanges int, ready bool) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if lists := m.set(ready); lists < least || lists > most {
				t.Errorf("%s: listed %d times, want %d to %d", when, lists, least, most)
			}
			if changes != wantChanges {
				t.Errorf("%s: %d changes told, want %d", when, changes, wantChanges)
			}
			changes = 0
		}
		time.Sleep(10 * time.Minute)
		expect("nothing runs", 10, 13, 1, true)
		r.didStart()
		time.Sleep(10 * time.Second)
		expect("something runs", 9, 11, 1, false)
		time.Sleep(2 * time.Second)
		expect("it has ended", 1, 1, 1, false)
		time.Sleep(10 * time.Minute)
		expect("nothing runs again", 9, 11, 0, false)
		cancel()
		<-done
	})
}

// breaking is a runtime whose event stream breaks, and that comes back with more features.
type breaking struct {
	mute
	broken chan struct{}
	asked  int
}

func (b *breaking) GetContainerEvents(ctx context.Context, _ chan *runtimeapi.ContainerEventResponse, _ func(runtimeapi.RuntimeService_GetContainerEventsClient)) error {
	select {
	case <-ctx.Done():
	case <-b.broken:
	}
	return status.Error(codes.Unavailable, "the runtime went away")
}

func (b *breaking) Status(context.Context, bool) (*runtimeapi.StatusResponse, error) {
	b.asked++
	features := &runtimeapi.RuntimeHandlerFeatures{RecursiveReadOnlyMounts: b.asked > 1}
	return &runtimeapi.StatusResponse{RuntimeHandlers: []*runtimeapi.RuntimeHandler{{Features: features}}}, nil
}

// TestFeaturesAreReadAnew: a runtime that was away may have come back as another version.
func TestFeaturesAreReadAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		b := &breaking{broken: make(chan struct{})}
		r := New(Config{CRI: b, Handler: func(*v1.Pod) (string, error) { return "", nil }})
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Watch(ctx, func(types.UID) {})
		}()
		for step, want := range []bool{false, false, true, true} {
			if step == 2 {
				b.broken <- struct{}{}
				synctest.Wait()
			}
			if got, err := r.recursiveReadOnly(ctx, &v1.Pod{}); err != nil || got != want {
				t.Errorf("step %d: %v, %v; want %v", step, got, err, want)
			}
		}
		cancel()
		<-done
	})
}
