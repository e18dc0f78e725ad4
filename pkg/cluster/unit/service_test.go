package unit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorder stands for systemctl: it notes what is asked, and whether the unit file was there then.
type recorder struct {
	file  string
	asked []string
	fails string
}

func (r *recorder) ask(_ context.Context, args ...string) (string, error) {
	said := strings.Join(args, " ")
	if _, err := os.Stat(r.file); err == nil {
		said += " (file)"
	}
	r.asked = append(r.asked, said)
	if r.fails != "" && strings.HasPrefix(said, r.fails) {
		return "", errors.New("refused")
	}
	return "", nil
}

func newService(t *testing.T) (Service, *recorder) {
	r := &recorder{file: filepath.Join(t.TempDir(), "proa.service")}
	return Service{File: r.file, ask: r.ask}, r
}

func TestInstall(t *testing.T) {
	s, r := newService(t)
	for range 2 { // it may be repeated
		r.asked = nil
		if err := s.Install(t.Context(), odd("/var/log")); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"daemon-reload (file)", "enable proa.service (file)"}, r.asked); diff != "" {
			t.Error(diff)
		}
	}
	r.fails = "enable"
	if err := s.Install(t.Context(), odd("/var/log")); err == nil {
		t.Error("what systemd refuses is no error")
	}
}

// TestForeign: a unit of that name that somebody else has written is neither replaced nor removed.
func TestForeign(t *testing.T) {
	s, r := newService(t)
	if err := os.WriteFile(s.File, []byte("[Service]\nExecStart=/usr/bin/proa server\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Install(t.Context(), odd("/var/log")); !errors.Is(err, ErrForeign) {
		t.Errorf("install: %v", err)
	}
	if err := s.Remove(t.Context()); err != nil {
		t.Errorf("remove: %v", err)
	}
	if _, err := os.Stat(s.File); err != nil || len(r.asked) > 0 {
		t.Errorf("the unit: %v; asked: %v", err, r.asked)
	}
}

// TestRemove ends the service first, and may be repeated, also when it was broken off anywhere.
func TestRemove(t *testing.T) {
	s, r := newService(t)
	if err := s.Install(t.Context(), odd("/var/log")); err != nil {
		t.Fatal(err)
	}
	r.asked, r.fails = nil, "disable"
	if err := s.Remove(t.Context()); err == nil {
		t.Error("what systemd refuses is no error")
	}
	if _, err := os.Stat(s.File); err != nil {
		t.Error("the unit is gone and systemd still knows it")
	}
	wants := filepath.Join(filepath.Dir(s.File), "multi-user.target.wants")
	if err := errors.Join(os.Mkdir(wants, 0o755), os.Symlink(s.File, filepath.Join(wants, s.Name()))); err != nil {
		t.Fatal(err)
	}
	r.asked, r.fails = nil, ""
	for range 2 {
		if err := s.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"stop proa.service (file)", "disable proa.service (file)", "daemon-reload", "reset-failed proa.service",
		"daemon-reload", "reset-failed proa.service"}
	if diff := cmp.Diff(want, r.asked); diff != "" {
		t.Error(diff)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(s.File), "*", "*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
