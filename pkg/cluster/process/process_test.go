package process

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// child starts a shell with the mark and waits until it says that it runs.
func child(t *testing.T, mark, script string) Process {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), MarkEnv(mark))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	line, err := bufio.NewReader(out).ReadString('\n')
	go func() { cmd.Wait(); close(ended) }()
	if err != nil || line != "up\n" {
		t.Fatalf("child said %q, %v", line, err)
	}
	p, err := Lookup(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const stubborn = "trap '' TERM; echo up; while :; do read x < /dev/null; done"

func TestMarkedFindsOnlyItsOwn(t *testing.T) {
	mark := t.Name() + t.TempDir()
	want := child(t, mark, "echo up; exec tail -f /dev/null")
	child(t, mark+"other", "echo up; exec tail -f /dev/null")
	got, err := Marked(mark)
	if err != nil {
		t.Fatal(err)
	}
	// The shell replaces itself: same number, same start, perhaps another command.
	if diff := cmp.Diff([]Process{want}, got, cmpopts.IgnoreFields(Process{}, "Command")); diff != "" {
		t.Error(diff)
	}
}

func TestStop(t *testing.T) {
	mark := t.TempDir()
	nice := child(t, mark, "trap 'exit 0' TERM; echo up; while :; do read x < /dev/null; done")
	hard := child(t, mark, stubborn)
	if err := Stop(t.Context(), 50*time.Millisecond, nice, hard); err != nil {
		t.Fatal(err)
	}
	if left, err := Marked(mark); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	if err := Stop(t.Context(), time.Minute, nice, hard); err != nil {
		t.Errorf("stop again: %v", err)
	}
}

func TestStopLeavesAnotherWithTheSameNumber(t *testing.T) {
	mark := t.TempDir()
	p := child(t, mark, "echo up; exec tail -f /dev/null")
	older := p
	older.Start--
	if err := Kill(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	if now, err := Lookup(p.Pid); err != nil || now.Start != p.Start {
		t.Errorf("the process with a later start was hit: %v, %v", now, err)
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	p := child(t, t.TempDir(), "echo up; exec tail -f /dev/null")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Wait(ctx, p); !errors.Is(err, context.Canceled) {
		t.Errorf("wait: %v, want %v", err, context.Canceled)
	}
	if err := Kill(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := Wait(t.Context(), p); err != nil {
		t.Errorf("wait for ended process: %v", err)
	}
}

func TestParseStat(t *testing.T) {
	tail := " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20\n"
	for _, test := range []struct {
		name, line string
		want       Process
		gone, bad  bool
	}{
		{name: "plain", line: "12 (sh) S" + tail, want: Process{Pid: 12, Start: 4711, Command: "sh"}},
		{name: "parentheses and spaces", line: "12 (a) S (b) R" + tail, want: Process{Pid: 12, Start: 4711, Command: "a) S (b"}},
		{name: "zombie", line: "12 (sh) Z" + tail, gone: true},
		{name: "short", line: "12 (sh) S 1 2", bad: true},
		{name: "empty", bad: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseStat([]byte(test.line))
			if (err != nil) != (test.gone || test.bad) || errors.Is(err, os.ErrNotExist) != test.gone {
				t.Fatalf("error: %v", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
