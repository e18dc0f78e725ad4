package binaries

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proa-sh/proa/test/e2e/box"
)

// cgroup is the name of this run's cgroup in every hierarchy.
func cgroup(dir string) string { return "/proa-binaries-" + filepath.Base(dir) }

func TestMain(m *testing.M) {
	around := box.Box{Prefix: "pb", After: func(dir string) error {
		for _, mount := range cgroupMounts() {
			if err := removeCgroup(filepath.Join(mount, cgroup(dir))); err != nil {
				return fmt.Errorf("remove cgroup: %w", err)
			}
		}
		return nil
	}}
	os.Exit(around.Main(m))
}

// cgroupMounts are the hierarchies of this machine.
func cgroupMounts() []string {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		panic(err) // there is no Linux without it
	}
	var mounts []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 2 && strings.HasPrefix(fields[2], "cgroup") {
			mounts = append(mounts, fields[1])
		}
	}
	return mounts
}

// removeCgroup removes a cgroup and those below it. The kernel needs a moment after the last process has ended.
func removeCgroup(dir string) error {
	var last error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		dirs, err := cgroupsBelow(dir)
		if err != nil {
			return err
		}
		last = nil
		for i := len(dirs) - 1; i >= 0; i-- {
			if err := os.Remove(dirs[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
				last = err
			}
		}
		if last == nil {
			return nil
		}
		<-time.After(20 * time.Millisecond)
	}
	return last
}

// cgroupsBelow lists a cgroup and those below it, parents first.
func cgroupsBelow(dir string) ([]string, error) {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	return dirs, err
}
