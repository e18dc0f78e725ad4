package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patience bounds every wait of the tests.
const patience = 90 * time.Second

// cluster is a namespace in which one test works with kubectl.
type cluster struct {
	t         *testing.T
	namespace string
}

// newCluster makes a namespace that goes with the test.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, namespace: strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))}
	c.kubectl("create", "namespace", c.namespace)
	c.eventually("the default service account", func() error {
		_, err := c.try("get", "serviceaccount", "default")
		return err
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.describe())
		}
		if out, err := c.try("delete", "namespace", c.namespace, "--timeout", patience.String()); err != nil {
			t.Errorf("delete namespace: %v: %s", err, out)
		}
	})
	return c
}

// describe tells what there was, for a test that failed.
func (c *cluster) describe() string {
	var all []string
	for _, args := range [][]string{{"get", "all", "-o", "wide"}, {"get", "events", "--sort-by=.lastTimestamp"}, {"describe", "pods"}} {
		out, _ := c.try(args...) // what could be found out is enough
		all = append(all, out)
	}
	return strings.Join(all, "\n")
}

// kubectl runs a command that must succeed, and returns what it printed.
func (c *cluster) kubectl(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// command is kubectl as the machine has it, or the one that is built into proa.
func (c *cluster) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{"-n", c.namespace}, args...)
	if path, err := exec.LookPath("kubectl"); err == nil {
		return exec.CommandContext(ctx, path, args...)
	}
	return exec.CommandContext(ctx, binDir+"/proa", append([]string{"kubectl"}, args...)...)
}

func (c *cluster) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := c.command(ctx, args...).CombinedOutput()
	return string(out), err
}

// apply applies an example.
func (c *cluster) apply(file string) {
	c.t.Helper()
	c.kubectl("apply", "-f", example+file)
}

// rollout waits until a workload has what it wants.
func (c *cluster) rollout(workload string) {
	c.t.Helper()
	c.kubectl("rollout", "status", workload, "--timeout", patience.String())
}

// field reads one field of an object.
func (c *cluster) field(object, path string) string {
	c.t.Helper()
	return c.kubectl("get", object, "-o", "jsonpath="+path)
}

// firstPod is the name of a pod with the label.
func (c *cluster) firstPod(label string) string {
	c.t.Helper()
	return c.kubectl("get", "pods", "-l", label, "-o", "jsonpath={.items[0].metadata.name}")
}

// eventually waits until check returns no error.
func (c *cluster) eventually(what string, check func() error) {
	c.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			c.t.Fatalf("waited %s for %s: %v", patience, what, err)
		case <-pause.C:
		}
	}
}

// stream is a kubectl command that goes on while the test looks at what it prints.
type stream struct {
	t      *testing.T
	mu     sync.Mutex
	output bytes.Buffer // guarded by mu
	stdin  io.WriteCloser
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output.Write(p)
}

func (s *stream) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output.String()
}

// start runs kubectl in the background until the test ends.
func (c *cluster) start(args ...string) *stream {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	command := c.command(ctx, args...)
	s := &stream{t: c.t}
	command.Stdout, command.Stderr = s, s
	var err error
	if s.stdin, err = command.StdinPipe(); err == nil {
		err = command.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		cancel()
		_ = command.Wait() // it was killed
	})
	return s
}

// waitForText waits until the command has printed the text.
func (c *cluster) waitForText(s *stream, text string) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("the output %q", text), func() error {
		if out := s.text(); !strings.Contains(out, text) {
			return fmt.Errorf("got %q", out)
		}
		return nil
	})
}

// get asks a web server on this machine, each time by a new connection.
func get(url string) (string, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}

// load asks a web server without a pause until the returned function is called, which reports failed requests.
func (c *cluster) load(url string) (stop func()) {
	done := make(chan struct{})
	var group sync.WaitGroup
	var asked, failed atomic.Int64
	var first atomic.Pointer[error]
	for range 2 {
		group.Go(func() {
			pause := time.NewTicker(10 * time.Millisecond)
			defer pause.Stop()
			for {
				select {
				case <-done:
					return
				case <-pause.C:
				}
				asked.Add(1)
				if _, err := get(url); err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	return func() {
		c.t.Helper()
		close(done)
		group.Wait()
		if n := failed.Load(); n > 0 {
			c.t.Errorf("%d of %d requests failed, the first with: %v", n, asked.Load(), *first.Load())
		}
		if asked.Load() == 0 {
			c.t.Error("the load loop asked nothing")
		}
	}
}
