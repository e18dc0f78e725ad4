package logfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestPutAsideAtTheBound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("old\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := Open(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for _, step := range []struct{ line, now, before string }{
		{"12345\n", "old\n12345\n", ""},
		{"6\n", "6\n", "old\n12345\n"},
		{"longer than the bound\n", "longer than the bound\n", "6\n"},
		{"7\n", "7\n", "longer than the bound\n"},
	} {
		if _, err := log.Write([]byte(step.line)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != step.now {
			t.Errorf("after %q: log %q, want %q", step.line, got, step.now)
		}
		if step.before == "" {
			continue
		}
		if got := read(t, path+".1"); got != step.before {
			t.Errorf("after %q: former log %q, want %q", step.line, got, step.before)
		}
	}
}

func TestRedirectFollowsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log, err := Open(path, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	fd, err := unix.Open("/dev/null", unix.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := log.Redirect(fd); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"first\n", "second\n"} {
		if _, err := log.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Write(fd, []byte("crash\n")); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := read(t, path+".1"), "first\ncrash\n"; got != want {
		t.Errorf("former log %q, want %q", got, want)
	}
	if got, want := read(t, path), "second\ncrash\n"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}

func TestConcurrentLinesStayWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log, err := Open(path, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for range 100 {
				if _, err := fmt.Fprintf(log, "line of %d\n", i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, path + ".1"} {
		content := read(t, file)
		if len(content) > 1000 {
			t.Errorf("%s has %d bytes", file, len(content))
		}
		for line := range strings.Lines(content) {
			if len(line) != len("line of 0\n") {
				t.Errorf("torn line %q", line)
			}
		}
	}
}

func TestShorten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := Shorten(path, 1); err != nil {
		t.Errorf("a log that is not there: %v", err)
	}
	other, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	write := func(text string) {
		t.Helper()
		if _, err := other.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n")
	if err := Shorten(path, 100); err != nil || read(t, path) != "first\n" {
		t.Errorf("a short log was changed: %v", err)
	}
	if err := Shorten(path, 6); err != nil {
		t.Fatal(err)
	}
	write("second\n")
	if now, before := read(t, path), read(t, path+".1"); now != "second\n" || before != "first\n" {
		t.Errorf("log %q, former %q", now, before)
	}
}
