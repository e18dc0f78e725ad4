package program

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/proa-sh/proa/pkg/cluster/process"
)

// script is a program of that name that writes the number of its life, and then does what is said.
func script(t *testing.T, then string) Config {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "a-program-with-a-name")
	text := "#!/bin/sh\ntrap 'exit 0' TERM\necho life >> " + dir + "/lives\necho said something\n" + then + "\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return Config{Path: path, LogFile: filepath.Join(dir, "log"), Mark: dir, StopGrace: 5 * time.Second}
}

// lives counts how often the program was started.
func lives(t *testing.T, c Config) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(c.Mark, "lives"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(content), "\n")
}

// run runs a program until the returned function is called, which gives the error of Run.
func run(t *testing.T, c Config) (*Program, func() error) {
	t.Helper()
	p := New(c)
	t.Cleanup(func() {
		if left, err := process.Marked(c.Mark); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	select {
	case <-p.Ready():
	case err := <-done:
		t.Fatalf("run: %v", err)
	}
	return p, func() error { cancel(); return <-done }
}

// forever starts nothing that could be left behind.
const forever = "while :; do read x < /dev/null; done"

// kill kills what runs the program and returns when it has ended.
func kill(t *testing.T, pid int) {
	t.Helper()
	p, err := process.Lookup(pid)
	if err == nil {
		err = process.Kill(t.Context(), p)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestDiesAndComesBack(t *testing.T) {
	c := script(t, forever)
	c.Serving = func() ([]string, func(context.Context) error, error) {
		return nil, func(context.Context) error { return nil }, nil
	}
	p, stop := run(t, c)
	first := p.Pid()
	kill(t, first)
	for p.Pid() == first || p.Pid() == 0 {
		if t.Context().Err() != nil {
			t.Fatal("it does not come back")
		}
	}
	if err := p.Healthy(); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := p.Healthy(); err == nil {
		t.Error("healthy after the end")
	}
}

// TestFormerIsReplaced: one that a killed process of ours has left behind ends before the next begins.
func TestFormerIsReplaced(t *testing.T) {
	c := script(t, forever)
	former := leftBehind(t, c)
	_, stop := run(t, c)
	if err := former.Wait(); err != nil {
		t.Errorf("the former ended with %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestFirstStartMustServe(t *testing.T) {
	for name, test := range map[string]struct {
		then    string
		serving func() ([]string, func(context.Context) error, error)
		want    []string
	}{
		"ends": {then: "exit 3", serving: waitForEver, want: []string{"a-program-with-a-name ended: exit status 3", "said something"}},
		"ends, and would not have said that it serves": {then: "exit 3", want: []string{"ended: exit status 3", "said something"}},
		"ends well": {then: "exit 0", serving: waitForEver, want: []string{"ended: exit status 0"}},
		"never serves": {then: forever, serving: func() ([]string, func(context.Context) error, error) {
			return nil, func(context.Context) error { return errors.New("no answer") }, nil
		}, want: []string{"has not come up"}},
		"cannot be asked": {then: forever, serving: func() ([]string, func(context.Context) error, error) { return nil, nil, errors.New("no socket") },
			want: []string{"no socket"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := script(t, test.then)
			c.Serving = test.serving
			err := New(c).Run(t.Context())
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v does not say %q", err, want)
				}
			}
		})
	}
	missing := script(t, "")
	missing.Path += "x"
	missing.Serving = waitForEver
	if err := New(missing).Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
}

func waitForEver() ([]string, func(context.Context) error, error) {
	return nil, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, nil
}

func TestEnvironment(t *testing.T) {
	c := script(t, "echo $A $B ${NOTIFY_SOCKET:-none} $#; "+forever)
	t.Setenv("NOTIFY_SOCKET", "/run/x")
	c.Args, c.Env = []string{"1", "2"}, []string{"A=a"}
	c.Serving = func() ([]string, func(context.Context) error, error) {
		return []string{"B=" + strconv.Itoa(7)}, func(ctx context.Context) error {
			for ctx.Err() == nil {
				if content, _ := os.ReadFile(c.LogFile); strings.Contains(string(content), "a 7 none 2\n") {
					return nil
				}
			}
			return ctx.Err()
		}, nil
	}
	_, stop := run(t, c)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := lives(t, c); n != 1 {
		t.Errorf("it was started %d times", n)
	}
}

// leftBehind starts the program as an earlier process of ours would have, and returns it.
func leftBehind(t *testing.T, c Config) *exec.Cmd {
	t.Helper()
	former := exec.Command(c.Path)
	former.Env = append(os.Environ(), process.MarkEnv(c.Mark), New(c).identityEnv())
	out, err := former.StdoutPipe()
	if err == nil {
		err = former.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "said something\n" {
		t.Fatalf("it said %q, %v", line, err)
	}
	return former
}

// TestTakenOver: one that was left behind goes on if it is the same and answers, comes back when it dies, and ends with us.
func TestTakenOver(t *testing.T) {
	answers := func(context.Context) error { return nil }
	for name, test := range map[string]struct {
		change func(now *Config)
		lives  int
	}{
		"the same":                {func(*Config) {}, 1},
		"another configuration":   {func(now *Config) { now.Identity = "new" }, 2},
		"other arguments":         {func(now *Config) { now.Args = []string{"x"} }, 2},
		"it does not answer":      {func(now *Config) { now.Answers = func(context.Context) error { return errors.New("no") } }, 2},
		"nobody knows how to ask": {func(now *Config) { now.Answers = nil }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			c := script(t, forever)
			c.Identity, c.Answers = "old", answers
			c.Serving = func() ([]string, func(context.Context) error, error) {
				return nil, func(ctx context.Context) error {
					for ctx.Err() == nil && lives(t, c) < 2 {
					}
					return ctx.Err()
				}, nil
			}
			former := leftBehind(t, c)
			now := c
			test.change(&now)
			p, stop := run(t, now)
			if same := p.Pid() == former.Process.Pid; same != (test.lives == 1) {
				t.Errorf("process %d now, %d before", p.Pid(), former.Process.Pid)
			}
			if err := errors.Join(p.Healthy(), stop(), former.Wait()); err != nil {
				t.Error(err)
			}
			if n := lives(t, c); n != test.lives {
				t.Errorf("it was started %d times, want %d", n, test.lives)
			}
		})
	}
}

// TestTakenOverDies: what was taken over is started again like any other.
func TestTakenOverDies(t *testing.T) {
	c := script(t, forever)
	c.Answers = func(context.Context) error { return nil }
	c.Serving = func() ([]string, func(context.Context) error, error) {
		return nil, func(context.Context) error { return nil }, nil
	}
	former := leftBehind(t, c)
	p, stop := run(t, c)
	kill(t, former.Process.Pid)
	_ = former.Wait() // killed
	for p.Pid() == former.Process.Pid || p.Pid() == 0 {
		if t.Context().Err() != nil {
			t.Fatal("it does not come back")
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestGoesOn: one that is to go on is there for the next.
func TestGoesOn(t *testing.T) {
	c := script(t, forever)
	on := true
	c.Answers, c.GoesOn = func(context.Context) error { return nil }, func() bool { return on }
	former := leftBehind(t, c)
	for range 2 {
		p := New(c)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		<-p.Ready()
		if p.Pid() != former.Process.Pid {
			t.Errorf("process %d now, %d before", p.Pid(), former.Process.Pid)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	on = false
	_, stop := run(t, c)
	if err := errors.Join(stop(), former.Wait()); err != nil {
		t.Error(err)
	}
}
