package server

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"
	criremote "k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// shell is what the runtime's streaming server runs: it echoes five bytes.
type shell struct{}

func (shell) Exec(_ context.Context, id string, command []string, in io.Reader, out, errOut io.WriteCloser, _ bool, _ <-chan criremote.TerminalSize) error {
	// Not until the end of stdin: version 4 of the WebSocket protocol cannot tell it.
	word := make([]byte, 5)
	if _, err := io.ReadFull(in, word); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "%s %s: %s", id, strings.Join(command, " "), word); err != nil {
		return err
	}
	_, err := fmt.Fprint(errOut, "warned")
	return err
}

func (s shell) Attach(ctx context.Context, id string, in io.Reader, out, errOut io.WriteCloser, tty bool, resize <-chan criremote.TerminalSize) error {
	return s.Exec(ctx, id, []string{"attached"}, in, out, errOut, tty, resize)
}

func (shell) PortForward(_ context.Context, sandbox string, port int32, stream io.ReadWriteCloser) error {
	line := make([]byte, 5)
	if _, err := io.ReadFull(stream, line); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stream, "%s:%d %s", sandbox, port, line)
	return err
}

// streamingRuntime is a runtime with a real CRI streaming server, as containerd has one.
func streamingRuntime(t *testing.T) *fakeRuntime {
	t.Helper()
	return streamingRuntimeOf(t, shell{})
}

func streamingRuntimeOf(t *testing.T, containers streaming.Runtime) *fakeRuntime {
	t.Helper()
	front := httptest.NewUnstartedServer(nil)
	config := streaming.DefaultConfig
	config.BaseURL = &url.URL{Scheme: "http", Host: front.Listener.Addr().String()}
	server, err := streaming.NewServer(config, containers)
	if err != nil {
		t.Fatal(err)
	}
	front.Config.Handler = server
	front.Start()
	t.Cleanup(front.Close)
	return &fakeRuntime{
		exec: server.GetExec, attach: server.GetAttach, forward: server.GetPortForward,
		sandboxes: []*runtimeapi.PodSandbox{{Id: "box"}},
	}
}

func TestExec(t *testing.T) {
	runtime := streamingRuntime(t)
	server := newServer(t, func(cfg *Config) { cfg.Runtime = runtime })
	config := &rest.Config{Host: server.URL, WrapTransport: func(rt http.RoundTripper) http.RoundTripper { return named{rt} }}
	query := url.Values{v1.ExecCommandParam: {"say", "so"}, v1.ExecStdinParam: {"1"}, v1.ExecStdoutParam: {"1"}, v1.ExecStderrParam: {"1"}}.Encode()
	for _, tc := range []struct{ path, want string }{
		{"/exec/ns/p/c", "now say so: hello"},
		{"/exec/ns/p/uid-1/c", "now say so: hello"},
		{"/attach/ns/p/c", "now attached: hello"},
		{"/exec/ns/p/hooking", "hooking-id say so: hello"},
		{"/attach/ns/p/hooking", "hooking-id attached: hello"},
	} {
		address := server.URL + tc.path + "?" + query
		parsed, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		overSPDY, err := remotecommand.NewSPDYExecutor(config, http.MethodPost, parsed)
		if err != nil {
			t.Fatal(err)
		}
		overWebSocket, err := remotecommand.NewWebSocketExecutorForProtocols(config, http.MethodGet, address, "v4.channel.k8s.io")
		if err != nil {
			t.Fatal(err)
		}
		for name, executor := range map[string]remotecommand.Executor{"SPDY": overSPDY, "WebSocket": overWebSocket} {
			var out, errOut bytes.Buffer
			err := executor.StreamWithContext(t.Context(), remotecommand.StreamOptions{
				Stdin: strings.NewReader("hello"), Stdout: &out, Stderr: &errOut,
			})
			if err != nil || out.String() != tc.want || errOut.String() != "warned" {
				t.Errorf("%s over %s: %q %q %v, want %q", tc.path, name, out.String(), errOut.String(), err, tc.want)
			}
		}
	}
}

func TestPortForward(t *testing.T) {
	runtime := streamingRuntime(t)
	server := newServer(t, func(cfg *Config) { cfg.Runtime = runtime })
	config := &rest.Config{Host: server.URL, WrapTransport: func(rt http.RoundTripper) http.RoundTripper { return named{rt} }}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(server.URL + "/portForward/ns/p")
	if err != nil {
		t.Fatal(err)
	}
	connection, _, err := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, address).Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	headers := http.Header{}
	headers.Set(v1.PortHeader, "8080")
	headers.Set(v1.PortForwardRequestIDHeader, "0")
	headers.Set(v1.StreamType, v1.StreamTypeError)
	if _, err := connection.CreateStream(headers); err != nil {
		t.Fatal(err)
	}
	headers.Set(v1.StreamType, v1.StreamTypeData)
	data, err := connection.CreateStream(headers)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(data, "hello"); err != nil {
		t.Fatal(err)
	}
	const want = "box:8080 hello"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(data, got); err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestStreamErrors(t *testing.T) {
	runtime := streamingRuntime(t)
	server := newServer(t, func(cfg *Config) { cfg.Runtime = runtime })
	for path, want := range map[string]struct {
		code int
		body string
	}{
		"/exec/ns/p/c":                       {400, "at least 1 of stdin, stdout, stderr"},
		"/exec/ns/p/none?output=1":           {500, `container not found ("none")`},
		"/exec/ns/p/slow?output=1":           {500, `container not found ("slow")`},
		"/exec/ns/none/c?output=1":           {404, "not found"},
		"/exec/ns/p/other-uid/c?output=1":    {404, "not found"},
		"/exec/ns/p/c?output=1&command=date": {400, "Upgrade request required"},
		"/portForward/ns/none":               {404, "not found"},
		"/portForward/ns/p?port=70000":       {400, "unable to parse"},
	} {
		if code, body := get(t, server, path); code != want.code || !strings.Contains(body, want.body) {
			t.Errorf("%s: %d %q, want %d %q", path, code, body, want.code, want.body)
		}
	}
}

// TestRelayRefusal: when the runtime refuses the upgrade, the client's connection serves no second request behind the
// kubelet's back (CVE-2018-1002105), and a redirect is not passed on (CVE-2020-8559).
func TestRelayRefusal(t *testing.T) {
	reached := make(chan string, 10)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached <- r.URL.Path + " " + r.Header.Get("Authorization")
		if r.URL.Path == "/redirect" {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
			return
		}
		http.Error(w, "no", http.StatusForbidden)
	}))
	defer backend.Close()
	for path, wantCode := range map[string]int{"/refuse": 403, "/redirect": 500} {
		runtime := &fakeRuntime{exec: func(*runtimeapi.ExecRequest) (*runtimeapi.ExecResponse, error) {
			return &runtimeapi.ExecResponse{Url: backend.URL + path}, nil
		}}
		server := newServer(t, func(cfg *Config) { cfg.Runtime = runtime })
		connection, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		ask := func(connection net.Conn) {
			fmt.Fprint(connection, "POST /exec/ns/p/c?output=1 HTTP/1.1\r\nHost: kubelet\r\nX-Name: anna\r\nAuthorization: Bearer secret\r\n"+
				"Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
		}
		ask(connection)
		reader := bufio.NewReader(connection)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := <-reached; got != path+" " {
			t.Errorf("the runtime saw %q, want no credentials", got)
		}
		if response.StatusCode != wantCode {
			t.Errorf("%s: %d, want %d", path, response.StatusCode, wantCode)
		}
		if strings.Contains(response.Header.Get("Location"), "192.0.2.1") {
			t.Errorf("the redirect to %s was passed on", response.Header.Get("Location"))
		}
		if path == "/redirect" {
			continue // The kubelet answered by itself; a second request would be authorised like the first.
		}
		ask(connection)
		if _, err := io.ReadAll(response.Body); err != nil {
			t.Errorf("%s: read body: %v", path, err)
		}
		if _, err := http.ReadResponse(reader, nil); err == nil {
			t.Errorf("%s: a second request was served after the refused upgrade", path)
		}
		select {
		case got := <-reached:
			t.Errorf("a second request reached the runtime: %q", got)
		default:
		}
	}
}
