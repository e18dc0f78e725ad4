package handler

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	utilexec "k8s.io/utils/exec"
)

const wait = 2 * time.Second

func target(t *testing.T, addr string) (Target, intstr.IntOrString) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return Target{Container: &v1.Container{Name: "c"}, Host: host, UserAgent: "kube-probe/test"}, intstr.Parse(port)
}

func expect(t *testing.T, h v1.ProbeHandler, to Target, exec Exec, want Verdict, text string) {
	t.Helper()
	got, said := Run(t.Context(), h, to, exec, wait)
	if got != want || !strings.Contains(said, text) {
		t.Errorf("got %v %q, want %v %q", got, said, want, text)
	}
}

func TestHTTP(t *testing.T) {
	var seen *http.Request
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) { seen = r; fmt.Fprint(w, "fine") })
	mux.HandleFunc("/bad", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	mux.HandleFunc("/here", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/bad", http.StatusFound) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
	})
	for _, scheme := range []v1.URIScheme{v1.URISchemeHTTP, v1.URISchemeHTTPS} {
		server := httptest.NewServer(mux)
		if scheme == v1.URISchemeHTTPS {
			server.Close()
			server = httptest.NewTLSServer(mux)
		}
		to, port := target(t, server.Listener.Addr().String())
		get := func(path string) v1.ProbeHandler {
			return v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Path: path, Port: port, Scheme: scheme, HTTPHeaders: []v1.HTTPHeader{{Name: "Host", Value: "name"}, {Name: "X", Value: "1"}}}}
		}
		expect(t, get("/ok?a=b"), to, nil, Success, "fine")
		if seen.Host != "name" || seen.Header.Get("X") != "1" || seen.UserAgent() != "kube-probe/test" || seen.URL.RawQuery != "a=b" || !seen.Close {
			t.Errorf("request was %+v", seen)
		}
		expect(t, get("/bad"), to, nil, Failure, "HTTP probe failed with statuscode: 503")
		expect(t, get("/here"), to, nil, Failure, "503")
		expect(t, get("/away"), to, nil, Warning, "Probe terminated redirects, Response body: <a href=")
		server.Close()
		expect(t, get("/ok"), to, nil, Failure, "connection refused")
	}
	expect(t, v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Port: intstr.FromString("web")}}, Target{Container: &v1.Container{}}, nil, Unknown, "no port named")
}

func TestTCPAndGRPC(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, checks := grpc.NewServer(), health.NewServer()
	grpc_health_v1.RegisterHealthServer(server, checks)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	to, port := target(t, listener.Addr().String())
	to.Container.Ports = []v1.ContainerPort{{Name: "named", ContainerPort: port.IntVal}}
	expect(t, v1.ProbeHandler{TCPSocket: &v1.TCPSocketAction{Port: intstr.FromString("named")}}, to, nil, Success, "")
	ask := v1.ProbeHandler{GRPC: &v1.GRPCAction{Port: port.IntVal}}
	expect(t, ask, to, nil, Success, "")
	checks.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	expect(t, ask, to, nil, Failure, `service unhealthy (responded with "NOT_SERVING")`)
	server.Stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	expect(t, v1.ProbeHandler{TCPSocket: &v1.TCPSocketAction{Port: port}}, to, nil, Failure, "connection refused")
}

func TestExec(t *testing.T) {
	h := v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{"x"}}}
	answer := func(out string, err error) Exec {
		return func(context.Context, string, []string, time.Duration) ([]byte, []byte, error) {
			return []byte(out), []byte("!"), err
		}
	}
	expect(t, h, Target{}, answer("fine", nil), Success, "fine!")
	expect(t, h, Target{}, answer("bad", utilexec.CodeExitError{Err: errors.New("1"), Code: 1}), Failure, "bad!")
	expect(t, h, Target{}, answer("", context.DeadlineExceeded), Failure, "deadline exceeded")
	expect(t, h, Target{}, answer("", errors.New("no runtime")), Unknown, "no runtime")
}

func TestHook(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer server.Close()
	to, port := target(t, server.Listener.Addr().String())
	for _, scheme := range []v1.URIScheme{v1.URISchemeHTTP, v1.URISchemeHTTPS} {
		hook := &v1.LifecycleHandler{HTTPGet: &v1.HTTPGetAction{Port: port, Scheme: scheme}}
		if err := RunHook(t.Context(), hook, to, nil); err != nil {
			t.Errorf("%s: any answer counts as done, also one of a server that speaks plain HTTP: %v", scheme, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := RunHook(ctx, &v1.LifecycleHandler{Sleep: &v1.SleepAction{Seconds: 100}}, to, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("sleep ended with %v", err)
	}
	if err := RunHook(t.Context(), &v1.LifecycleHandler{Sleep: &v1.SleepAction{}}, to, nil); err != nil {
		t.Errorf("a sleep of no time: %v", err)
	}
	if err := RunHook(t.Context(), &v1.LifecycleHandler{}, to, nil); err == nil {
		t.Error("a hook without action succeeded")
	}
}
