package crilog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cri-client/pkg/logs"
)

const lines = `2026-01-01T00:00:01.000000000Z stdout F one
2026-01-01T00:00:02.000000000Z stderr F two
2026-01-01T00:00:03.000000001Z stdout P thr
2026-01-01T00:00:03.000000002Z stdout F ee
2026-01-01T00:00:04.5+01:00 stdout F:x four
2026-01-01T00:00:05Z stdout F 
`

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func logAt(path string) Log {
	return Log{Open: func() (*os.File, error) { return os.Open(path) }, Dir: filepath.Dir(path)}
}

// TestRead has logs read by the published reader as well, which must say the same.
func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	long := strings.Repeat("2026-01-01T00:00:01Z stdout F "+strings.Repeat("x", 16<<10)+"\n", 20)
	for _, text := range []string{lines, lines + "2026-01-01T00:00:06Z stdout F begun", "", long, "2026-01-01T00:00:01Z stdout P no end"} {
		write(t, path, text)
		for _, o := range []Options{
			{}, {Timestamps: true}, {Since: time.Date(2026, 1, 1, 0, 0, 3, 1, time.UTC)},
			{Tail: new(int64(0))}, {Tail: new(int64(1))}, {Tail: new(int64(2)), Timestamps: true}, {Tail: new(int64(100))},
			{Limit: new(int64(1))}, {Limit: new(int64(5))}, {Limit: new(int64(5)), Timestamps: true, Tail: new(int64(3))}, {Limit: new(int64(1 << 20))},
		} {
			var want, wantErr, got, gotErr bytes.Buffer
			theirs := &logs.LogOptions{TailLines: o.Tail, LimitBytes: o.Limit, Since: o.Since, Timestamp: o.Timestamps}
			if err := logs.ReadLogs(t.Context(), path, "", theirs, nil, &want, &wantErr); err != nil {
				t.Fatal(err)
			}
			if err := Read(t.Context(), logAt(path), o, &got, &gotErr); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{want.String(), wantErr.String()}, []string{got.String(), gotErr.String()}); diff != "" {
				t.Errorf("%.40q with %+v (-published +ours):\n%s", text, o, diff)
			}
		}
	}
}

func TestReadOneStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	write(t, path, lines)
	var out bytes.Buffer
	if err := Read(t.Context(), logAt(path), Options{Limit: new(int64(2))}, nil, &out); err != nil || out.String() != "tw" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestReadRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	for text, want := range map[string]string{
		"no log\n":                             "has no time, stream and tags",
		"2026-13-01T00:00:01Z stdout F x\n":    "unsupported log format",
		"2026-01-01T00:00:01Z elsewhere F x\n": `stream "elsewhere"`,
		strings.Repeat("x", maxLine+1):         "longer than",
	} {
		write(t, path, text)
		if err := Read(t.Context(), logAt(path), Options{}, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	// After good ones a bad line is left out.
	write(t, path, lines+"no log\n2026-01-01T00:00:07Z stdout F seven\n")
	var out bytes.Buffer
	if err := Read(t.Context(), logAt(path), Options{Tail: new(int64(3))}, &out, nil); err != nil || out.String() != "\nseven\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// lineWriter hands on what is written.
type lineWriter chan string

func (w lineWriter) Write(text []byte) (int, error) {
	w <- string(text)
	return len(text), nil
}

// TestFollow follows a log over its rotation until the container has ended; nothing is lost or told twice.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	write(t, path, lines)
	ended := make(chan struct{})
	log := logAt(path)
	log.Running = func(context.Context) (bool, error) {
		select {
		case <-ended:
			return false, nil
		default:
			return true, nil
		}
	}
	out := make(lineWriter)
	done := make(chan error, 1)
	go func() { done <- Read(t.Context(), log, Options{Follow: true, Tail: new(int64(1))}, out, out) }()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-out:
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("nothing came, want %q", want)
		}
	}
	line := func(n int) string { return fmt.Sprintf("2026-01-01T00:00:06Z stdout F %d\n", n) }
	add := func(text string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = file.WriteString(text)
			err = errors.Join(err, file.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	expect("\n")
	add(line(1))
	expect("1\n")
	add(line(2)[:20])
	add(line(2)[20:])
	expect("2\n")
	for n := range 5 {
		// The last line before the rotation and the first one after it are there at once.
		add(line(10 * n))
		if err := os.Rename(path, fmt.Sprintf("%s.%d", path, n)); err != nil {
			t.Fatal(err)
		}
		add(line(10*n + 1))
		expect(fmt.Sprintf("%d\n", 10*n))
		expect(fmt.Sprintf("%d\n", 10*n+1))
	}
	add(line(99))
	close(ended)
	expect("99\n")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestFollowEndsWithContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	write(t, path, lines)
	log := logAt(path)
	log.Running = func(context.Context) (bool, error) { return true, nil }
	ctx, cancel := context.WithCancel(t.Context())
	out := make(lineWriter)
	done := make(chan error, 1)
	go func() { done <- Read(ctx, log, Options{Follow: true, Tail: new(int64(1))}, out, out) }()
	<-out
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}
