package server

import (
	"bufio"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const logLines = `2026-01-01T00:00:01.000000000Z stdout F one
2026-01-01T00:00:02.000000000Z stderr F two
2026-01-01T00:00:03.000000000Z stdout P thr
2026-01-01T00:00:03.000000000Z stdout F ee
2026-01-01T00:00:04.000000000Z stdout F four
`

// loggingRuntime has a container "now" that logs into dir, and one "before".
func loggingRuntime(t *testing.T, dir string) (*fakeRuntime, string) {
	t.Helper()
	path := filepath.Join(dir, "ns_p_uid-1", "c", "1.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	before := filepath.Join(filepath.Dir(path), "0.log")
	for name, text := range map[string]string{path: logLines, before: "2025-01-01T00:00:01.000000000Z stdout F old\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &fakeRuntime{statuses: map[string]*runtimeapi.ContainerStatus{
		"now":    {Id: "now", State: runtimeapi.ContainerState_CONTAINER_RUNNING, LogPath: path},
		"before": {Id: "before", State: runtimeapi.ContainerState_CONTAINER_EXITED, LogPath: before},
	}}, path
}

func TestLogs(t *testing.T) {
	dir := t.TempDir()
	runtime, _ := loggingRuntime(t, dir)
	server := newServer(t, func(cfg *Config) { cfg.PodLogs, cfg.Runtime = dir, runtime })
	for _, tc := range []struct {
		query string
		code  int
		want  string
	}{
		{"", 200, "one\ntwo\nthree\nfour\n"},
		{"?tailLines=2", 200, "ee\nfour\n"},
		{"?tailLines=0", 200, ""},
		{"?tailLines=all", 200, "one\ntwo\nthree\nfour\n"},
		{"?limitBytes=5", 200, "one\nt"},
		{"?timestamps=true&tailLines=1", 200, "2026-01-01T00:00:04.000000000Z four\n"},
		{"?sinceTime=2026-01-01T00:00:03.5Z", 200, "four\n"},
		{"?sinceSeconds=1", 200, ""},
		{"?stream=Stderr", 200, "two\n"},
		{"?stream=Stdout", 200, "one\nthree\nfour\n"},
		{"?previous=true", 200, "old\n"},
		{"?tailLines=-1", 422, "tailLines: must be greater than or equal to 0\n"},
		{"?limitBytes=0", 422, "limitBytes: must be greater than 0\n"},
		{"?sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z", 422, "at most one of sinceTime or sinceSeconds may be specified\n"},
		{"?stream=Stdin", 422, "stream: unsupported value \"Stdin\"\n"},
	} {
		code, body := get(t, server, "/containerLogs/ns/p/c"+tc.query)
		if code != tc.code || body != tc.want {
			t.Errorf("%s: %d %q, want %d %q", tc.query, code, body, tc.code, tc.want)
		}
	}
	for path, want := range map[string]struct {
		code int
		body string
	}{
		"/containerLogs/ns/none/c":             {404, "pods \"ns/none\" not found\n"},
		"/containerLogs/ns/p/none":             {404, "container \"none\" not found in pod \"p\"\n"},
		"/containerLogs/ns/p/slow":             {400, "container \"slow\" in pod \"p\" is waiting to start: image can't be pulled\n"},
		"/containerLogs/ns/p/slow?previous=1":  {400, "previous terminated container \"slow\" in pod \"p\" not found\n"},
		"/containerLogs/ns/p/slow?follow=true": {400, "container \"slow\" in pod \"p\" is waiting to start: image can't be pulled\n"},
	} {
		if code, body := get(t, server, path); code != want.code || body != want.body {
			t.Errorf("%s: %d %q, want %d %q", path, code, body, want.code, want.body)
		}
	}
}

func TestLogsRefusePlantedLinks(t *testing.T) {
	dir := t.TempDir()
	runtime, path := loggingRuntime(t, dir)
	server := newServer(t, func(cfg *Config) { cfg.PodLogs, cfg.Runtime = dir, runtime })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", path); err != nil {
		t.Fatal(err)
	}
	if code, body := get(t, server, "/containerLogs/ns/p/c"); code != http.StatusBadRequest {
		t.Errorf("a link in place of the log: %d %s", code, body)
	}
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "1.log"), []byte(logLines), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if code, body := get(t, server, "/containerLogs/ns/p/c"); code != http.StatusBadRequest {
		t.Errorf("a link in place of the directory: %d %s", code, body)
	}
}

// TestLogsWhileLinksAreExchanged: a pod that exchanges its log for a link, and back, again and again, has nobody read what the link
// leads to.
func TestLogsWhileLinksAreExchanged(t *testing.T) {
	dir := t.TempDir()
	runtime, path := loggingRuntime(t, dir)
	server := newServer(t, func(cfg *Config) { cfg.PodLogs, cfg.Runtime = dir, runtime })
	secret, link := filepath.Join(t.TempDir(), "secret"), path+".link"
	if err := os.WriteFile(secret, []byte("2026-01-01T00:00:01.000000000Z stdout F secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, link); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE); err != nil {
				stopped <- err
				return
			}
		}
	}()
	seen := map[string]int{}
	for range 500 {
		code, body := get(t, server, "/containerLogs/ns/p/c")
		switch {
		case strings.Contains(body, "secret\n"):
			t.Fatalf("what the link leads to was read: %q", body)
		case code == http.StatusOK:
			seen["log"]++
		default:
			seen["refused"]++
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if seen["log"] == 0 || seen["refused"] == 0 {
		t.Errorf("the exchange was not met: %v", seen)
	}
}

// TestFollow follows a log while lines are added, while it is rotated, and until the container ends.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	runtime, path := loggingRuntime(t, dir)
	runtime.asked = make(chan struct{}, 2)
	server := newServer(t, func(cfg *Config) { cfg.PodLogs, cfg.Runtime = dir, runtime })
	response, err := server.Client().Get(server.URL + "/containerLogs/ns/p/c?follow=true&tailLines=1")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	expect := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("line %q, %v; want %q", lines.Text(), lines.Err(), want)
		}
	}
	add := func(text string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteString("2026-01-01T00:01:00.000000000Z stdout F " + text + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	expect("four")
	add("five")
	expect("five")
	// The reader asks once for the path and then each time before it waits: from the second time on it watches the
	// directory. A rotation before that moment goes unseen by the library.
	<-runtime.asked
	<-runtime.asked
	if err := os.Rename(path, path+".20260101-000100"); err != nil {
		t.Fatal(err)
	}
	add("after rotation")
	expect("after rotation")
	add("last")
	runtime.setState("now", runtimeapi.ContainerState_CONTAINER_EXITED)
	expect("last")
	if lines.Scan() {
		t.Errorf("line %q after the end", lines.Text())
	}
}

func TestLoggedID(t *testing.T) {
	terminated := func(id string) v1.ContainerState {
		return v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ContainerID: id}}
	}
	waiting := func(reason string) v1.ContainerState {
		return v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason}}
	}
	for _, tc := range []struct {
		name         string
		state, last  v1.ContainerState
		previous     bool
		want, failed string
	}{
		{"running", v1.ContainerState{Running: &v1.ContainerStateRunning{}}, v1.ContainerState{}, false, "id", ""},
		{"ended", terminated("x://done"), v1.ContainerState{}, false, "done", ""},
		{"crash loop", waiting("CrashLoopBackOff"), terminated("x://crashed"), false, "crashed", ""},
		{"crash loop, previous", waiting("CrashLoopBackOff"), terminated("x://crashed"), true, "crashed", ""},
		{"ended without ID", terminated(""), terminated("x://older"), false, "older", ""},
		{"creating", waiting("ContainerCreating"), v1.ContainerState{}, false, "", `container "c" in pod "p" is waiting to start: ContainerCreating`},
		{"backing off", waiting("ImagePullBackOff"), v1.ContainerState{}, false, "", `container "c" in pod "p" is waiting to start: trying and failing to pull image`},
		{"no previous", v1.ContainerState{Running: &v1.ContainerStateRunning{}}, v1.ContainerState{}, true, "", `previous terminated container "c" in pod "p" not found`},
	} {
		pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Status: v1.PodStatus{ContainerStatuses: []v1.ContainerStatus{
			{Name: "c", ContainerID: "containerd://id", State: tc.state, LastTerminationState: tc.last},
		}}}
		got, err := loggedID(pod, "c", tc.previous)
		message := ""
		if err != nil {
			message = err.Error()
		}
		if got != tc.want || message != tc.failed {
			t.Errorf("%s: %q, %q; want %q, %q", tc.name, got, message, tc.want, tc.failed)
		}
	}
}

func TestReadOptions(t *testing.T) {
	now := time.Unix(1000, 0)
	seconds := int64(10)
	if got := readOptions(&v1.PodLogOptions{SinceSeconds: &seconds}, now).Since; !got.Equal(time.Unix(990, 0)) {
		t.Errorf("since %s", got)
	}
	at := metav1.NewTime(time.Unix(5, 0))
	if diff := cmp.Diff(at.Time, readOptions(&v1.PodLogOptions{SinceTime: &at}, now).Since); diff != "" {
		t.Error(diff)
	}
}
