package containerd

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// fakeRuntime has one container a pod, which takes a while to end when it is asked to, and writes down what is done to it.
type fakeRuntime struct {
	runtimeapi.RuntimeServiceClient // nil: what is not below is not called
	began                           time.Time
	pods                            []fakePod

	mu  sync.Mutex
	log []string // guarded by mu
}

type fakePod struct {
	name, grace, hook string
	// takes is how long the container takes to end, hookTakes the hook.
	takes, hookTakes time.Duration
}

func (f *fakeRuntime) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprintf("%6v ", time.Since(f.began))+fmt.Sprintf(format, args...))
}

func (f *fakeRuntime) pod(id string) fakePod {
	return f.pods[slices.IndexFunc(f.pods, func(p fakePod) bool { return p.name == id })]
}

func (f *fakeRuntime) ListPodSandbox(context.Context, *runtimeapi.ListPodSandboxRequest, ...grpc.CallOption) (*runtimeapi.ListPodSandboxResponse, error) {
	response := &runtimeapi.ListPodSandboxResponse{}
	for _, p := range f.pods {
		response.Items = append(response.Items, &runtimeapi.PodSandbox{Id: p.name, Metadata: &runtimeapi.PodSandboxMetadata{Namespace: "ns", Name: p.name}})
	}
	return response, nil
}

func (f *fakeRuntime) ListContainers(context.Context, *runtimeapi.ListContainersRequest, ...grpc.CallOption) (*runtimeapi.ListContainersResponse, error) {
	response := &runtimeapi.ListContainersResponse{}
	for _, p := range f.pods {
		response.Containers = append(response.Containers, &runtimeapi.Container{Id: p.name, PodSandboxId: p.name,
			Metadata: &runtimeapi.ContainerMetadata{Name: "c"}, Annotations: map[string]string{annotationGrace: p.grace, annotationPreStop: p.hook}})
	}
	return response, nil
}

func (f *fakeRuntime) ExecSync(ctx context.Context, r *runtimeapi.ExecSyncRequest, _ ...grpc.CallOption) (*runtimeapi.ExecSyncResponse, error) {
	f.note("hook of %s: %v for %d s", r.ContainerId, r.Cmd, r.Timeout)
	select {
	case <-time.After(f.pod(r.ContainerId).hookTakes):
		return &runtimeapi.ExecSyncResponse{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *fakeRuntime) StopContainer(ctx context.Context, r *runtimeapi.StopContainerRequest, _ ...grpc.CallOption) (*runtimeapi.StopContainerResponse, error) {
	f.note("stop %s within %d s", r.ContainerId, r.Timeout)
	select {
	case <-time.After(min(f.pod(r.ContainerId).takes, time.Duration(r.Timeout)*time.Second)):
		return &runtimeapi.StopContainerResponse{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *fakeRuntime) StopPodSandbox(context.Context, *runtimeapi.StopPodSandboxRequest, ...grpc.CallOption) (*runtimeapi.StopPodSandboxResponse, error) {
	return &runtimeapi.StopPodSandboxResponse{}, nil
}

func (f *fakeRuntime) RemovePodSandbox(_ context.Context, r *runtimeapi.RemovePodSandboxRequest, _ ...grpc.CallOption) (*runtimeapi.RemovePodSandboxResponse, error) {
	f.note("remove %s", r.PodSandboxId)
	return &runtimeapi.RemovePodSandboxResponse{}, nil
}

const hook = `{"exec":{"command":["flush"]}}`

func TestEndPods(t *testing.T) {
	for _, test := range []struct {
		name string
		pods []fakePod
		now  time.Duration // when somebody says so; 0: never
		want []string
	}{
		{name: "nothing"},
		{name: "each has its time", pods: []fakePod{{name: "web", grace: "30", takes: time.Second}, {name: "database", grace: "300", takes: 200 * time.Second}},
			want: []string{
				"    0s note: Ending pods: 2; ns/database may take 5m0s (`proa down --now` does not wait); may take 5m10s",
				"    0s stop database within 300 s", "    0s stop web within 30 s", "    1s remove web", " 3m20s remove database"}},
		{name: "a hook is a part of the time", pods: []fakePod{{name: "a", grace: "60", hook: hook, hookTakes: 10 * time.Second, takes: time.Second}},
			want: []string{
				"    0s note: Ending pods: 1; ns/a may take 1m0s (`proa down --now` does not wait); may take 1m10s",
				"    0s hook of a: [flush] for 60 s", "   10s stop a within 50 s", "   11s remove a"}},
		{name: "after a hook that takes all of it a little is left", pods: []fakePod{{name: "a", grace: "5", hook: hook, hookTakes: time.Hour, takes: time.Hour}},
			want: []string{
				"    0s note: Ending pods: 1; ns/a may take 5s (`proa down --now` does not wait); may take 15s",
				"    0s hook of a: [flush] for 5 s", "    5s stop a within 2 s", "    7s remove a"}},
		{name: "no word about time", pods: []fakePod{{name: "a", takes: time.Hour}}, want: []string{
			"    0s note: Ending pods: 1; ns/a may take 30s (`proa down --now` does not wait); may take 40s",
			"    0s stop a within 30 s", "   30s remove a"}},
		{name: "nobody waits any more", now: 7 * time.Second,
			pods: []fakePod{{name: "a", grace: "300", takes: time.Hour}, {name: "b", grace: "300", hook: hook, hookTakes: time.Hour, takes: time.Second}},
			want: []string{
				"    0s note: Ending pods: 2; ns/a may take 5m0s (`proa down --now` does not wait); may take 5m10s",
				"    0s hook of b: [flush] for 300 s", "    0s stop a within 300 s",
				"    7s stop a within 2 s", "    7s stop b within 2 s",
				"    8s remove b", "    8s note: Ended ns/b; 1 left; may take 0s", "    9s remove a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeRuntime{began: time.Now(), pods: test.pods}
				now := make(chan struct{})
				if test.now > 0 {
					time.AfterFunc(test.now, func() { close(now) })
				}
				err := Ending{Now: now, Note: func(text string, takes time.Duration) { f.note("note: %s; may take %v", text, takes) }}.run(t.Context(), f)
				if err != nil {
					t.Error(err)
				}
				// What happens at the same moment has no order.
				slices.SortStableFunc(f.log, func(a, b string) int {
					if a[:6] != b[:6] || slices.Contains([]string{"note"}, a[7:11]) || slices.Contains([]string{"note"}, b[7:11]) {
						return 0
					}
					return cmpText(a, b)
				})
				if diff := cmp.Diff(test.want, f.log); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func cmpText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
