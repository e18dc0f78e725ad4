package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// fakeRuntime is a container runtime with what a test gives it; what is not given is not called.
type fakeRuntime struct {
	internalapi.RuntimeService

	mu         sync.Mutex
	statuses   map[string]*runtimeapi.ContainerStatus
	containers []*runtimeapi.Container
	sandboxes  []*runtimeapi.PodSandbox
	stats      []*runtimeapi.PodSandboxStats
	exec       func(*runtimeapi.ExecRequest) (*runtimeapi.ExecResponse, error)
	attach     func(*runtimeapi.AttachRequest) (*runtimeapi.AttachResponse, error)
	forward    func(*runtimeapi.PortForwardRequest) (*runtimeapi.PortForwardResponse, error)
	// asked, if made, gets a value for each question after a container while there is room.
	asked chan struct{}
}

func (f *fakeRuntime) ContainerStatus(_ context.Context, id string, _ bool) (*runtimeapi.ContainerStatusResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case f.asked <- struct{}{}:
	default:
	}
	status, ok := f.statuses[id]
	if !ok {
		return nil, errors.New("no such container")
	}
	return &runtimeapi.ContainerStatusResponse{Status: status}, nil
}

func (f *fakeRuntime) setState(id string, state runtimeapi.ContainerState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.statuses[id] = &runtimeapi.ContainerStatus{Id: id, State: state, LogPath: f.statuses[id].GetLogPath()}
}

func (f *fakeRuntime) ListContainers(context.Context, *runtimeapi.ContainerFilter) ([]*runtimeapi.Container, error) {
	return f.containers, nil
}

func (f *fakeRuntime) ListPodSandbox(context.Context, *runtimeapi.PodSandboxFilter) ([]*runtimeapi.PodSandbox, error) {
	return f.sandboxes, nil
}

func (f *fakeRuntime) ListPodSandboxStats(context.Context, *runtimeapi.PodSandboxStatsFilter) ([]*runtimeapi.PodSandboxStats, error) {
	return f.stats, nil
}

func (f *fakeRuntime) Exec(_ context.Context, r *runtimeapi.ExecRequest) (*runtimeapi.ExecResponse, error) {
	return f.exec(r)
}

func (f *fakeRuntime) Attach(_ context.Context, r *runtimeapi.AttachRequest) (*runtimeapi.AttachResponse, error) {
	return f.attach(r)
}

func (f *fakeRuntime) PortForward(_ context.Context, r *runtimeapi.PortForwardRequest) (*runtimeapi.PortForwardResponse, error) {
	return f.forward(r)
}

// podSet is the pods of a node.
type podSet []*v1.Pod

func (p podSet) Pods() []*v1.Pod { return p }
func (p podSet) Pod(namespace, name string) (*v1.Pod, bool) {
	for _, pod := range p {
		if pod.Namespace == namespace && pod.Name == name {
			return pod, true
		}
	}
	return nil, false
}

// Instance knows c, and a container whose hook still runs, which its status does not call running.
func (p podSet) Instance(uid types.UID, container string) (podstate.Container, bool) {
	id := map[string]string{"c": "now", "hooking": "hooking-id"}[container]
	return podstate.Container{ID: id, Phase: podstate.Running}, uid == "uid-1" && id != ""
}

func runningPod() *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "uid-1"},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c"}, {Name: "slow"}, {Name: "hooking"}}},
		Status: v1.PodStatus{ContainerStatuses: []v1.ContainerStatus{{
			Name: "c", ContainerID: "containerd://now", State: v1.ContainerState{Running: &v1.ContainerStateRunning{}},
			LastTerminationState: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ContainerID: "containerd://before"}},
		}, {
			Name: "slow", State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "ErrImagePull"}},
		}, {
			Name: "hooking", State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "PodInitializing"}},
		}}},
	}
}

// byName authenticates whoever names himself in a header.
var byName = authenticator.RequestFunc(func(r *http.Request) (*authenticator.Response, bool, error) {
	name := r.Header.Get("X-Name")
	return &authenticator.Response{User: &user.DefaultInfo{Name: name}}, name != "", nil
})

func everyone(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionAllow, "", nil
}

// named lets every request of a client bear a name.
type named struct{ http.RoundTripper }

func (n named) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Name", "anna")
	return n.RoundTripper.RoundTrip(r)
}

func newServer(t *testing.T, change func(*Config)) *httptest.Server {
	t.Helper()
	cfg := Config{
		NodeName: "n1", Authenticator: byName, Authorizer: authorizer.AuthorizerFunc(everyone),
		Pods: podSet{runningPod()}, Runtime: &fakeRuntime{}, Streaming: true, PodLogs: t.TempDir(), RootDir: t.TempDir(),
		Configz: map[string]string{"kind": "KubeletConfiguration"},
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	server.Client().Transport = named{server.Client().Transport}
	return server
}

func get(t *testing.T, server *httptest.Server, path string) (int, string) {
	t.Helper()
	response, err := server.Client().Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// TestRoutes calls every path without a name, as somebody who may nothing, and looks at what was asked of the authorizer.
func TestRoutes(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	server := newServer(t, func(cfg *Config) {
		cfg.SystemLogs, cfg.Log = true, t.TempDir()
		cfg.Metrics, cfg.ProbeMetrics = prometheus.NewRegistry(), prometheus.NewRegistry()
		cfg.Authorizer = authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, a.GetUser().GetName()+" "+a.GetVerb()+" "+a.GetResource()+"/"+a.GetSubresource()+" "+a.GetName())
			return authorizer.DecisionNoOpinion, "", nil
		})
	})
	one := func(verb string, subresources ...string) []string {
		var want []string
		for _, subresource := range subresources {
			want = append(want, "anna "+verb+" nodes/"+subresource+" n1")
		}
		return want
	}
	for _, tc := range []struct {
		method, path string
		want         []string
	}{
		{"GET", "/healthz", one("get", "healthz", "proxy")},
		{"GET", "/healthz/ping", one("get", "healthz", "proxy")},
		{"GET", "/configz", one("get", "configz", "proxy")},
		{"GET", "/pods", one("get", "pods", "proxy")},
		{"GET", "/pods/", one("get", "pods", "proxy")},
		{"GET", "/runningpods/", one("get", "pods", "proxy")},
		{"GET", "/stats/summary", one("get", "stats")},
		{"GET", "/metrics", one("get", "metrics")},
		{"GET", "/metrics/resource", one("get", "metrics")},
		{"GET", "/metrics/probes", one("get", "metrics")},
		{"GET", "/logs/", one("get", "log")},
		{"GET", "/logs/x/y", one("get", "log")},
		{"GET", "/containerLogs/ns/p/c", one("get", "proxy")},
		{"POST", "/run/ns/p/c", one("create", "proxy")},
		{"GET", "/exec/ns/p/c", one("create", "proxy")},
		{"POST", "/exec/ns/p/c", one("create", "proxy")},
		{"POST", "/exec/ns/p/uid-1/c", one("create", "proxy")},
		{"GET", "/attach/ns/p/c", one("create", "proxy")},
		{"GET", "/portForward/ns/p", one("create", "proxy")},
		{"POST", "/portForward/ns/p/uid-1", one("create", "proxy")},
		{"GET", "/unknown", one("get", "proxy")},
		{"DELETE", "/pods", one("delete", "proxy")},
		{"POST", "/metrics", one("create", "proxy")},
	} {
		t.Run(tc.method+tc.path, func(t *testing.T) {
			for name, wantCode := range map[string]int{"": http.StatusUnauthorized, "anna": http.StatusForbidden} {
				asked = nil
				request, err := http.NewRequestWithContext(t.Context(), tc.method, server.URL+tc.path, nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("X-Name", name)
				// The client's transport would name everyone.
				response, err := http.DefaultTransport.RoundTrip(request)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				if response.StatusCode != wantCode {
					t.Errorf("%q got %d, want %d", name, response.StatusCode, wantCode)
				}
				want := tc.want
				if name == "" {
					want = nil
				}
				if diff := cmp.Diff(want, asked); diff != "" {
					t.Errorf("%q: asked (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestFineGrainedAuthorizationSuffices(t *testing.T) {
	server := newServer(t, func(cfg *Config) {
		cfg.Authorizer = authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			if a.GetSubresource() == "pods" {
				return authorizer.DecisionAllow, "", nil
			}
			return authorizer.DecisionNoOpinion, "", errors.New("server is away")
		})
	})
	if code, _ := get(t, server, "/pods"); code != http.StatusOK {
		t.Errorf("/pods with nodes/pods: %d", code)
	}
	if code, _ := get(t, server, "/configz"); code != http.StatusInternalServerError {
		t.Errorf("/configz when authorisation fails: %d", code)
	}
}

func TestPlainAnswers(t *testing.T) {
	logs := t.TempDir()
	if err := os.WriteFile(filepath.Join(logs, "messages"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(logs, "planted")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(logs, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	var unhealthy error
	server := newServer(t, func(cfg *Config) {
		cfg.SystemLogs, cfg.Log = true, logs
		cfg.Healthy = func() error { return unhealthy }
		cfg.Runtime = &fakeRuntime{containers: []*runtimeapi.Container{{
			Id: "now", Image: &runtimeapi.ImageSpec{Image: "img"},
			Labels: map[string]string{labelPodName: "p", labelNamespace: "ns", labelUID: "uid-1", labelContainer: "c"},
		}}}
	})
	for _, tc := range []struct {
		path string
		code int
		body string
	}{
		{"/healthz", 200, "ok"},
		{"/healthz/ping", 200, "ok"},
		{"/healthz/none", 404, ""},
		{"/checkpoint/ns/p/c", 404, "404 page not found"},
		{"/configz", 200, `{"kubeletconfig":{"kind":"KubeletConfiguration"}}`},
		{"/pods", 200, `{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"p","namespace":"ns","uid":"uid-1"}`},
		{"/runningpods/", 200, `"spec":{"containers":[{"name":"c","image":"img","resources":{}}]}`},
		{"/logs/messages", 200, "hello"},
		{"/logs/", 200, `<a href="messages">messages</a>`},
		{"/logs/planted", 500, ""},
		{"/logs/pipe", 403, ""},
		{"/logs/../../etc/passwd", 404, ""},
		{"/logs/%2e%2e/%2e%2e/etc/passwd", 404, ""},
		{"/unknown", 404, ""},
	} {
		code, body := get(t, server, tc.path)
		if code != tc.code || !strings.Contains(body, tc.body) || strings.Contains(body, "root:") {
			t.Errorf("%s: %d %s\nwant %d %s", tc.path, code, body, tc.code, tc.body)
		}
	}
	unhealthy = errors.New("worker hangs")
	if code, body := get(t, server, "/healthz"); code != 500 || !strings.Contains(body, "worker hangs") {
		t.Errorf("unhealthy: %d %s", code, body)
	}
	if code, _ := get(t, server, "/healthz/ping"); code != 200 {
		t.Errorf("ping while unhealthy: %d", code)
	}
}
