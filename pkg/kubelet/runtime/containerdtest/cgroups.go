package containerdtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// makeCgroups makes a cgroup of the test's own in every hierarchy.
func (c *Containerd) makeCgroups() {
	c.t.Helper()
	c.CgroupRoot = fmt.Sprintf("/proa-test-%d-%s", os.Getpid(), filepath.Base(c.Dir))
	for _, mount := range cgroupMounts(c) {
		dir := filepath.Join(mount, c.CgroupRoot)
		if err := os.Mkdir(dir, 0o755); err != nil {
			c.t.Fatalf("make cgroup: %v", err)
		}
		// A cpuset that is empty takes no process.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			text, err := os.ReadFile(filepath.Join(mount, file))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), text, 0o644)
			}
			if err != nil {
				c.t.Fatalf("set up cpuset: %v", err)
			}
		}
	}
}

func cgroupMounts(c *Containerd) []string {
	c.t.Helper()
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		c.t.Fatal(err)
	}
	var mounts []string
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[2] != "cgroup" && fields[2] != "cgroup2" || seen[fields[2]+fields[3]] {
			continue
		}
		seen[fields[2]+fields[3]] = true
		mounts = append(mounts, fields[1])
	}
	return mounts
}

// removeCgroups removes them from the leaves up; the kernel needs a moment after the last process has ended.
func (c *Containerd) removeCgroups() {
	deadline := time.Now().Add(10 * time.Second)
	for _, mount := range cgroupMounts(c) {
		top := filepath.Join(mount, c.CgroupRoot)
		for {
			err := removeTree(top)
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				c.t.Errorf("remove cgroup: %v", err)
				break
			}
			<-time.After(20 * time.Millisecond)
		}
	}
}

func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
