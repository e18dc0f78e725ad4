package kubelet_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/utils/exec"

	"github.com/proa-sh/proa/pkg/kubelet/runtime/containerdtest"
	"github.com/proa-sh/proa/pkg/kubelet/server"
)

// serve gives the next kubelet an API and returns where that is.
func (r *rig) serve() string {
	r.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.Fatal(err)
	}
	certificate, err := server.SelfSigned(r.TempDir(), nodeName, []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		r.Fatal(err)
	}
	r.api = &server.Config{
		Listener: listener, TLS: server.NewTLS(certificate, tls.VersionTLS12, nil),
		Authenticator: authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
			return &authenticator.Response{User: &user.DefaultInfo{Name: "anna"}}, true, nil
		}),
		Authorizer: authorizerfactory.NewAlwaysAllowAuthorizer(),
	}
	return "https://" + listener.Addr().String()
}

// TestContainerdExec: what goes into a command arrives, and what comes out of it, whatever its size, and whatever the command does
// with its other streams.
func TestContainerdExec(t *testing.T) {
	r := &rig{T: t, containerd: containerdtest.Start(t), client: newClient(), stop: new(func())}
	address := r.serve()
	r.start()
	t.Cleanup(func() { (*r.stop)() })
	r.create("exec", v1.PodSpec{Containers: []v1.Container{run("pause")}})
	r.wait("exec", "ready", ready)
	exec := func(in io.Reader, command ...string) (string, error) {
		t.Helper()
		query := url.Values{v1.ExecCommandParam: append([]string{containerdtest.Program}, command...), v1.ExecStdoutParam: {"1"}, v1.ExecStderrParam: {"1"}}
		if in != nil {
			query.Set(v1.ExecStdinParam, "1")
		}
		at, err := url.Parse(address + "/exec/test/exec/c?" + query.Encode())
		if err != nil {
			t.Fatal(err)
		}
		e, err := remotecommand.NewSPDYExecutor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, http.MethodPost, at)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var out, errOut bytes.Buffer
		err = e.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: in, Stdout: &out, Stderr: &errOut})
		return out.String() + errOut.String(), err
	}
	for _, test := range []struct{ size, times int }{{0, 1}, {1 << 10, 2}, {300 << 10, 10}, {1 << 20, 2}, {64 << 20, 1}} {
		data := make([]byte, test.size)
		rand.NewChaCha8([32]byte{}).Read(data)
		digest := fmt.Sprintf("%d %x\n", len(data), sha256.Sum256(data))
		for range test.times {
			if out, err := exec(bytes.NewReader(data), "digest"); err != nil || out != digest {
				t.Errorf("%d bytes in: %v: %q, want %q", test.size, err, out, digest)
			}
			if out, err := exec(bytes.NewReader(data), "echo"); err != nil || out != string(data) {
				t.Errorf("%d bytes in and out: %v: %d bytes came", test.size, err, len(out))
			}
			if out, err := exec(bytes.NewReader(data), "keep", "/tmp-kept"); err != nil || out != "" {
				t.Errorf("%d bytes to a file: %v: %q", test.size, err, out)
			}
			if out, err := exec(nil, "cat", "/tmp-kept"); err != nil || out != string(data) {
				t.Errorf("%d bytes to a file: %v: %d bytes are in it", test.size, err, len(out))
			}
		}
	}
	// A command that does not want its stdin ends, with its code.
	out, err := exec(bytes.NewReader(make([]byte, 1<<20)), "exit", "3", "enough")
	var exit utilexec.ExitError
	if !errors.As(err, &exit) || exit.ExitStatus() != 3 || out != "enough\n" {
		t.Errorf("a command that ended with 3: %q, %v", out, err)
	}
}
