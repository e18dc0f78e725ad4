package unit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/coreos/go-systemd/v22/util"
)

// Booted says whether systemd is the machine's init (sd_booted(3)).
func Booted() bool { return util.IsRunningSystemd() }

// ErrForeign means that somebody else has a unit of that name.
var ErrForeign = errors.New("it was not written by `proa up`")

// Service is the service with a unit file. The name of the file is its name.
type Service struct {
	// File is the unit file's path.
	File string
	// ask runs systemctl and gives what it prints; nil means the real one.
	ask func(ctx context.Context, args ...string) (string, error)
}

// At is the service of that name, without a suffix.
func At(name string) Service { return Service{File: filepath.Join(Dir, name+".service")} }

// Name is what systemd calls it.
func (s Service) Name() string { return filepath.Base(s.File) }

// Exists says whether the unit file is there. The error is ErrForeign if it is not one of ours.
func (s Service) Exists() (bool, error) {
	content, err := os.ReadFile(s.File)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read unit: %w", err)
	case !strings.HasPrefix(string(content), header):
		return true, fmt.Errorf("unit %s exists, and %w: start the cluster with `systemctl start %s` if it is its unit, or remove it", s.File, ErrForeign, s.Name())
	}
	return true, nil
}

// Install writes the unit and has systemd start it with the machine. It may be repeated.
func (s Service) Install(ctx context.Context, u Unit) error {
	if _, err := s.Exists(); err != nil {
		return err
	}
	text, err := u.Text()
	if err == nil {
		err = os.WriteFile(s.File+".new", []byte(text), 0o644)
	}
	if err == nil {
		err = os.Rename(s.File+".new", s.File)
	}
	if err != nil {
		return fmt.Errorf("write unit: %w", err)
	}
	if err := s.systemctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	return s.systemctl(ctx, "enable", s.Name())
}

// Start starts the service and returns when it has told that it works, or has failed.
func (s Service) Start(ctx context.Context) error { return s.systemctl(ctx, "start", s.Name()) }

// Stop ends the service, and with it what systemd would do to start it again, and returns when its main process has ended.
func (s Service) Stop(ctx context.Context) error { return s.systemctl(ctx, "stop", s.Name()) }

// Abandon has systemd not start the service again when it ends, for somebody who ends it.
func (s Service) Abandon(ctx context.Context) error {
	return s.systemctl(ctx, "stop", "--no-block", s.Name())
}

// Said is the last that the service said of itself (STATUS= of sd_notify(3)); empty if that is nothing.
func (s Service) Said(ctx context.Context) string {
	text, err := s.asker()(ctx, "show", "--property=StatusText", "--value", s.Name())
	if err != nil {
		return ""
	}
	return strings.TrimSpace(text)
}

// Remove ends the service and removes the unit, if it is there; where systemd does not run, only the files. It may be repeated. A
// unit of somebody else is left.
func (s Service) Remove(ctx context.Context) error {
	exists, err := s.Exists()
	if errors.Is(err, ErrForeign) {
		return nil
	}
	if err != nil {
		return err
	}
	running := s.ask != nil || Booted()
	if running && exists {
		if err := errors.Join(s.Stop(ctx), s.systemctl(ctx, "disable", s.Name())); err != nil {
			return err
		}
	}
	for _, file := range []string{filepath.Join(filepath.Dir(s.File), target+".wants", s.Name()), s.File + ".new", s.File} {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove unit: %w", err)
		}
	}
	if !running {
		return nil
	}
	if err := s.systemctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	// Of a service that has failed systemd keeps the memory; of others there is none.
	_, _ = s.asker()(ctx, "reset-failed", s.Name())
	return nil
}

func (s Service) asker() func(context.Context, ...string) (string, error) {
	if s.ask != nil {
		return s.ask
	}
	return systemctl
}

func (s Service) systemctl(ctx context.Context, args ...string) error {
	_, err := s.asker()(ctx, args...)
	return err
}

// systemctl asks the machine's systemd.
func systemctl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "systemctl", append([]string{"--no-ask-password", "--quiet"}, args...)...)
	var said, faults strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &faults
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(faults.String()))
	}
	return said.String(), nil
}
