package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/pkg/cluster/unit"
)

// rounds bounds how often processes are looked for again, as each may start others while it is being ended.
const rounds = 20

func undoProcesses(ctx context.Context, e Entry) error {
	for range rounds {
		marked, err := process.Marked(e.Name)
		if err != nil {
			return err
		}
		marked = slices.DeleteFunc(marked, func(p process.Process) bool { return p.Pid == os.Getpid() })
		if len(marked) == 0 {
			return nil
		}
		if err := bounded(ctx, grace+killWithin, func(ctx context.Context) error { return process.Stop(ctx, grace, marked...) }); err != nil {
			return err
		}
	}
	return errors.New("they start new ones faster than they end")
}

func undoUnit(ctx context.Context, e Entry) error { return unit.Service{File: e.Name}.Remove(ctx) }

func bounded(ctx context.Context, within time.Duration, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return fn(ctx)
}

func undoCgroup(ctx context.Context, e Entry) error {
	dirs, err := cgroupDirs(e.Name)
	if err != nil {
		return err
	}
	// In every hierarchy before the first kill: a process frozen by one of them cannot end through another.
	for _, dir := range dirs {
		if err := walkCgroup(dir, thaw); err != nil {
			return fmt.Errorf("thaw processes in %q: %w", dir, err)
		}
	}
	for _, dir := range dirs {
		if err := killCgroup(ctx, dir); err != nil {
			return fmt.Errorf("end processes in %q: %w", dir, err)
		}
	}
	for _, dir := range dirs {
		if err := removeCgroup(ctx, dir); err != nil {
			return fmt.Errorf("remove %q: %w", dir, err)
		}
	}
	return nil
}

// cgroupDirs gives the directories that exist for a cgroup path, one for each mounted hierarchy.
func cgroupDirs(path string) ([]string, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return nil, fmt.Errorf("list cgroup hierarchies: %w", err)
	}
	var dirs []string
	for _, m := range mounts {
		dir := filepath.Join(m.Mountpoint, path)
		if _, err := os.Stat(dir); err == nil {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// killCgroup kills all processes in a cgroup and below it.
func killCgroup(ctx context.Context, dir string) error {
	for range rounds {
		var members []process.Process
		err := walkCgroup(dir, func(sub string) error {
			found, err := cgroupMembers(sub)
			members = append(members, found...)
			return err
		})
		if err != nil || len(members) == 0 {
			return err
		}
		if err := bounded(ctx, killWithin, func(ctx context.Context) error { return process.Kill(ctx, members...) }); err != nil {
			return err
		}
	}
	return errors.New("they start new ones faster than they end")
}

// thaw lets the processes of a version 1 cgroup run: frozen ones cannot even die. Version 2 lets them die.
func thaw(dir string) error {
	err := os.WriteFile(filepath.Join(dir, "freezer.state"), []byte("THAWED"), 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) || errors.Is(err, unix.ENODEV) {
		return nil // of another hierarchy, or gone
	}
	return err
}

func cgroupMembers(dir string) ([]process.Process, error) {
	content, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var members []process.Process
	for _, field := range strings.Fields(string(content)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("read members of %q: %w", dir, err)
		}
		if p, err := process.Lookup(pid); err == nil {
			members = append(members, p)
		}
	}
	return members, nil
}

// removeCgroup removes a cgroup with all below it, the lowest first.
func removeCgroup(ctx context.Context, dir string) error {
	var dirs []string
	if err := walkCgroup(dir, func(sub string) error { dirs = append(dirs, sub); return nil }); err != nil {
		return err
	}
	for _, sub := range slices.Backward(dirs) {
		if err := removeEmptyCgroup(ctx, sub); err != nil {
			return err
		}
	}
	return nil
}

// removeEmptyCgroup removes one cgroup. A process leaves its cgroup a moment after it is seen to have ended, and version
// 1 has no event for that, so EBUSY is tried again for a while.
func removeEmptyCgroup(ctx context.Context, dir string) error {
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for range 100 {
		err := unix.Rmdir(dir)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return unix.EBUSY
}

// walkCgroup visits a cgroup and those below it, each before its children. Those that vanish meanwhile are passed over.
func walkCgroup(dir string, visit func(dir string) error) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			return nil
		}
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			return nil
		}
		return visit(path)
	})
}
