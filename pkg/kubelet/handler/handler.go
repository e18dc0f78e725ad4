package handler

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	utilexec "k8s.io/utils/exec"
)

// Verdict is the outcome of an action.
type Verdict int

// The outcomes. Warning is a success about which users are told. Unknown is a fault of the kubelet or runtime, not of the
// container; thresholds do not count it.
const (
	Success Verdict = iota
	Warning
	Failure
	Unknown
)

// maxOutput is how much of a command's output or a response's body is kept for events.
const maxOutput = 10 * 1024

// Exec runs a command in a container; the error is a utilexec.ExitError for a non-zero exit.
type Exec func(ctx context.Context, containerID string, command []string, timeout time.Duration) (stdout, stderr []byte, err error)

// Target is where an action goes.
type Target struct {
	Container   *v1.Container
	ContainerID string
	// Host is the pod's address, used when the action names none.
	Host string
	// UserAgent of HTTP and gRPC requests ("kube-probe/1.36").
	UserAgent string
}

// Run carries out a probe's action. Text is what events show; for a success it is mostly empty.
func Run(ctx context.Context, h v1.ProbeHandler, t Target, exec Exec, timeout time.Duration) (Verdict, string) {
	switch {
	case h.Exec != nil:
		return RunExec(ctx, h.Exec.Command, t, exec, timeout)
	case h.HTTPGet != nil:
		return runHTTP(ctx, h.HTTPGet, t, timeout)
	case h.TCPSocket != nil:
		return runTCP(ctx, h.TCPSocket, t, timeout)
	case h.GRPC != nil:
		return runGRPC(ctx, h.GRPC, t, timeout)
	}
	return Unknown, "missing probe handler"
}

// RunExec runs a command; exit 0 is success.
func RunExec(ctx context.Context, command []string, t Target, exec Exec, timeout time.Duration) (Verdict, string) {
	stdout, stderr, err := exec(ctx, t.ContainerID, command, timeout)
	output := string(stdout) + string(stderr)
	if len(output) > maxOutput {
		output = output[:maxOutput]
	}
	if err == nil {
		return Success, output
	}
	var exit utilexec.ExitError
	if errors.As(err, &exit) {
		return Failure, output
	}
	if status.Code(err) == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "command timed out") {
		return Failure, err.Error()
	}
	return Unknown, err.Error()
}

// Port resolves a port by number or by the container's name for it.
func Port(port intstr.IntOrString, c *v1.Container) (int, error) {
	number := port.IntValue()
	if port.Type == intstr.String {
		number = 0
		for _, p := range c.Ports {
			if p.Name == port.StrVal {
				number = int(p.ContainerPort)
			}
		}
		if number == 0 {
			// A number written as text.
			n, err := strconv.Atoi(port.StrVal)
			if err != nil {
				return 0, fmt.Errorf("container %q has no port named %q", c.Name, port.StrVal)
			}
			number = n
		}
	}
	if number < 1 || number > 65535 {
		return 0, fmt.Errorf("invalid port number: %v", number)
	}
	return number, nil
}

// HTTPRequest builds the request of an action.
func HTTPRequest(ctx context.Context, a *v1.HTTPGetAction, t Target) (*http.Request, error) {
	port, err := Port(a.Port, t.Container)
	if err != nil {
		return nil, err
	}
	host := a.Host
	if host == "" {
		host = t.Host
	}
	scheme := strings.ToLower(string(a.Scheme))
	if scheme == "" {
		scheme = "http"
	}
	// A path that does not parse is sent as it is written.
	u, err := url.Parse(a.Path)
	if err != nil {
		u = &url.URL{Path: a.Path}
	}
	u.Scheme, u.Host = scheme, net.JoinHostPort(host, strconv.Itoa(port))
	if !strings.HasPrefix(u.Path, "/") {
		u.Path = "/" + u.Path
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	for _, h := range a.HTTPHeaders {
		req.Header.Add(h.Name, h.Value)
	}
	if req.Header.Get("User-Agent") == "" && req.Header.Values("User-Agent") == nil {
		req.Header.Set("User-Agent", t.UserAgent)
	}
	if req.Header.Values("Accept") == nil {
		req.Header.Set("Accept", "*/*")
	} else if req.Header.Get("Accept") == "" {
		req.Header.Del("Accept")
	}
	req.Host = req.Header.Get("Host")
	return req, nil
}

// HTTPClient is a client for one request: connections are not kept, certificates not checked, redirects followed on the same
// host only.
func HTTPClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
			DisableKeepAlives:  true,
			DisableCompression: true,
			Proxy:              nil,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.URL.Hostname() != via[0].URL.Hostname() {
				return http.ErrUseLastResponse
			}
			if len(via) >= 10 {
				return errors.New("stopped after 10 redirects")
			}
			return nil
		},
	}
}

// runHTTP: 200 to 399 is success; a redirect that is not followed is one with a warning, for what it leads to is not known.
func runHTTP(ctx context.Context, a *v1.HTTPGetAction, t Target, timeout time.Duration) (Verdict, string) {
	req, err := HTTPRequest(ctx, a, t)
	if err != nil {
		return Unknown, err.Error()
	}
	resp, err := HTTPClient(timeout).Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return Unknown, ctx.Err().Error()
		}
		return Failure, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxOutput))
	if err != nil {
		return Failure, err.Error()
	}
	switch {
	case resp.StatusCode >= http.StatusMultipleChoices && resp.StatusCode < http.StatusBadRequest:
		return Warning, fmt.Sprintf("Probe terminated redirects, Response body: %v", string(body))
	case resp.StatusCode >= http.StatusOK && resp.StatusCode < http.StatusBadRequest:
		return Success, string(body)
	}
	return Failure, fmt.Sprintf("HTTP probe failed with statuscode: %d", resp.StatusCode)
}

func runTCP(ctx context.Context, a *v1.TCPSocketAction, t Target, timeout time.Duration) (Verdict, string) {
	port, err := Port(a.Port, t.Container)
	if err != nil {
		return Unknown, err.Error()
	}
	host := a.Host
	if host == "" {
		host = t.Host
	}
	d := net.Dialer{Timeout: timeout}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		if ctx.Err() != nil {
			return Unknown, ctx.Err().Error()
		}
		return Failure, err.Error()
	}
	if err := conn.Close(); err != nil {
		return Failure, err.Error()
	}
	return Success, ""
}

// runGRPC asks the standard health service (grpc.health.v1).
func runGRPC(ctx context.Context, a *v1.GRPCAction, t Target, timeout time.Duration) (Verdict, string) {
	addr := net.JoinHostPort(t.Host, strconv.Itoa(int(a.Port)))
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent(t.UserAgent))
	if err != nil {
		return Unknown, err.Error()
	}
	defer conn.Close()
	call, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	service := ""
	if a.Service != nil {
		service = *a.Service
	}
	resp, err := grpc_health_v1.NewHealthClient(conn).Check(call, &grpc_health_v1.HealthCheckRequest{Service: service}, grpc.WaitForReady(true))
	if err != nil {
		if ctx.Err() != nil {
			return Unknown, ctx.Err().Error()
		}
		switch status.Code(err) {
		case codes.Unimplemented:
			return Failure, fmt.Sprintf("error: this server does not implement the grpc health protocol (grpc.health.v1.Health): %s", status.Convert(err).Message())
		case codes.DeadlineExceeded:
			return Failure, fmt.Sprintf("timeout: failed to connect service %q within %v: %v", addr, timeout, err)
		}
		return Failure, fmt.Sprintf("error: health rpc probe failed: %v", err)
	}
	if resp.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return Failure, fmt.Sprintf("service unhealthy (responded with %q)", resp.GetStatus().String())
	}
	return Success, "service healthy"
}
