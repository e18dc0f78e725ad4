package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	criremote "k8s.io/cri-streaming/pkg/streaming/remotecommand"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// quickPods has one container, in a state of the test's choice.
type quickPods struct {
	podSet
	instance podstate.Container
}

func (p quickPods) Instance(types.UID, string) (podstate.Container, bool) { return p.instance, true }

// echoing logs what it is fed, as the runtime does with what a container writes, and ends with its input.
type echoing struct {
	shell
	runtime *fakeRuntime
	path    string
}

func (e echoing) Attach(_ context.Context, id string, in io.Reader, _, _ io.WriteCloser, _ bool, _ <-chan criremote.TerminalSize) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(e.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	e.runtime.setState(id, runtimeapi.ContainerState_CONTAINER_EXITED)
	_, err = fmt.Fprintf(log, "2026-01-01T00:00:05.000000000Z stdout F fed %s\n", text)
	return err
}

// TestAttachToQuickContainers: what a container has written before anybody could attach arrives.
func TestAttachToQuickContainers(t *testing.T) {
	for name, tc := range map[string]struct {
		instance podstate.Container
		tty      bool
		read     bool // the log is read before
		stdin    string
		want     string
		warned   string
		fails    string
	}{
		"it has ended":                        {podstate.Container{Phase: podstate.Exited, FinishedAt: time.Now()}, false, false, "", "one\nthree\nfour\n", "two\n", ""},
		"it has ended, with a terminal":       {podstate.Container{Phase: podstate.Exited, FinishedAt: time.Now()}, true, false, "", "one\nthree\nfour\n", "", ""},
		"it ended long ago":                   {podstate.Container{Phase: podstate.Exited, FinishedAt: time.Now().Add(-time.Hour)}, false, false, "", "", "", "container not found"},
		"it still runs":                       {podstate.Container{Phase: podstate.Running, StartedAt: time.Now()}, false, false, "hello", "one\nthree\nfour\nfed hello\n", "two\n", ""},
		"it still runs, and its log was read": {podstate.Container{Phase: podstate.Running, StartedAt: time.Now()}, false, true, "hello", "fed hello\n", "", ""},
		"it has ended, and its log was read":  {podstate.Container{Phase: podstate.Exited, FinishedAt: time.Now()}, false, true, "", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			logging, path := loggingRuntime(t, dir)
			streaming := streamingRuntimeOf(t, echoing{runtime: logging, path: path})
			logging.attach = streaming.attach
			instance := tc.instance
			instance.ID = "now"
			if instance.Phase == podstate.Exited {
				logging.setState("now", runtimeapi.ContainerState_CONTAINER_EXITED)
			}
			server := newServer(t, func(cfg *Config) {
				cfg.PodLogs, cfg.Runtime, cfg.Pods = dir, logging, quickPods{podSet{runningPod()}, instance}
			})
			if tc.read {
				if code, body := get(t, server, "/containerLogs/ns/p/c"); code != http.StatusOK || body != "one\ntwo\nthree\nfour\n" {
					t.Errorf("log: %d %q", code, body)
				}
			}
			query := url.Values{v1.ExecStdoutParam: {"1"}, v1.ExecStderrParam: {"1"}}
			options := remotecommand.StreamOptions{Stdout: &lockedBuffer{}, Stderr: &lockedBuffer{}}
			if tc.stdin != "" {
				query.Set(v1.ExecStdinParam, "1")
				options.Stdin = strings.NewReader(tc.stdin)
			}
			if tc.tty {
				query.Set(v1.ExecTTYParam, "1")
				query.Del(v1.ExecStderrParam)
				options.Stderr, options.Tty = nil, true
			}
			address, err := url.Parse(server.URL + "/attach/ns/p/c?" + query.Encode())
			if err != nil {
				t.Fatal(err)
			}
			config := &rest.Config{Host: server.URL, WrapTransport: func(rt http.RoundTripper) http.RoundTripper { return named{rt} }}
			executor, err := remotecommand.NewSPDYExecutor(config, http.MethodPost, address)
			if err != nil {
				t.Fatal(err)
			}
			err = executor.StreamWithContext(t.Context(), options)
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Errorf("got %v, want %q", err, tc.fails)
				}
				return
			}
			warned := ""
			if options.Stderr != nil {
				warned = options.Stderr.(*lockedBuffer).String()
			}
			if got := options.Stdout.(*lockedBuffer).String(); err != nil || got != tc.want || warned != tc.warned {
				t.Errorf("%q %q %v, want %q %q", got, warned, err, tc.want, tc.warned)
			}
		})
	}
}

// lockedBuffer may be written while it is read.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(text)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
