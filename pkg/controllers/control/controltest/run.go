package controltest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// limit is how long a state may take to come about before the test fails.
const limit = 20 * time.Second

// Run runs one controller against the server until the test ends, and returns its events.
func Run(t *testing.T, s *Server, build func(control.Dependencies) (control.Controller, error)) *record.FakeRecorder {
	t.Helper()
	recorder := record.NewFakeRecorder(10000)
	factory := informers.NewSharedInformerFactory(s.Client(), 0)
	c, err := build(control.Dependencies{
		Name: t.Name(), Informers: factory, Client: s.Client(), REST: s.Config(), Recorder: recorder, Workers: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.Verbosity(2)))
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logger))
	factory.StartWithContext(ctx)
	ended := start(ctx, c)
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("controller ended with %v", err)
		}
		factory.Shutdown()
	})
	return recorder
}

func start(ctx context.Context, c control.Controller) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	return ended
}

// Wait waits until ok holds; it is asked after each request to the server.
func (s *Server) Wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	timer := time.AfterFunc(limit, s.store.wake)
	defer timer.Stop()
	for {
		s.store.mu.Lock()
		activity := s.store.activity
		s.store.mu.Unlock()
		if ok() {
			return
		}
		s.store.mu.Lock()
		for s.store.activity == activity && time.Now().Before(deadline) {
			s.store.grown.Wait()
		}
		s.store.mu.Unlock()
		if !time.Now().Before(deadline) {
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

// List returns the objects of a resource in a namespace ("" for all) as typed objects, in the order of their names.
func List[T any](t testing.TB, s *Server, group, resource, namespace string) []*T {
	t.Helper()
	var typed []*T
	all, _ := s.store.list(schema.GroupResource{Group: group, Resource: resource}, namespace)
	for _, obj := range all {
		data, err := json.Marshal(obj.Object)
		if err != nil {
			t.Fatal(err)
		}
		one := new(T)
		if err := json.Unmarshal(data, one); err != nil {
			t.Fatal(err)
		}
		typed = append(typed, one)
	}
	return typed
}

// Change modifies one object in the server as some other client would.
func Change[T runtime.Object](t testing.TB, s *Server, obj T, change func(T)) {
	t.Helper()
	u := s.toUnstructured(obj)
	kind, ok := s.kindOf(u.GroupVersionKind())
	if !ok {
		t.Fatalf("change %s: kind not served", u.GroupVersionKind())
	}
	_, err := s.store.modify(kind.GroupResource(), nameOf(u), func(stored object) error {
		data, err := json.Marshal(stored.Object)
		if err != nil {
			return err
		}
		now, err := scheme.Scheme.New(u.GroupVersionKind())
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, now); err != nil {
			return err
		}
		change(now.(T))
		stored.Object = s.toUnstructured(now).Object
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
