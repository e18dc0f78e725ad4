package resources

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/util/wait"
)

// removeTimeout bounds how long the kernel may take to end the last processes of a cgroup that is removed.
const removeTimeout = 5 * time.Second

// tree makes, limits and removes cgroups, given by absolute paths that are the same in all hierarchies.
type tree struct {
	cgroups Cgroups
}

// controllers lists the controllers in a fixed order.
func (t tree) controllers() []string { return slices.Sorted(maps.Keys(t.cgroups.Mounts)) }

// mounts lists the hierarchies in which pods are limited, each once.
func (t tree) mounts() []string {
	mounts := slices.Sorted(maps.Values(t.cgroups.Mounts))
	return slices.Compact(mounts)
}

// dir is the directory of a cgroup in the hierarchy of a controller; ok is false when the machine lacks the controller.
func (t tree) dir(controller, path string) (dir string, ok bool) {
	mount, ok := t.cgroups.Mounts[controller]
	return filepath.Join(mount, path), ok
}

// exists says whether the cgroup is there in every hierarchy.
func (t tree) exists(path string) (bool, error) {
	for _, mount := range t.mounts() {
		switch _, err := os.Lstat(filepath.Join(mount, path)); {
		case errors.Is(err, fs.ErrNotExist):
			return false, nil
		case err != nil:
			return false, err
		}
	}
	return true, nil
}

// create makes a cgroup and what is missing above it, down from root, and makes it ready to hold processes and children.
func (t tree) create(root, path string) error {
	relative, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	current := root
	for _, element := range append([]string{"."}, strings.Split(relative, "/")...) {
		current = filepath.Join(current, element)
		if err := t.createOne(current); err != nil {
			return fmt.Errorf("create cgroup %s: %w", current, err)
		}
	}
	return nil
}

func (t tree) createOne(path string) error {
	for _, mount := range t.mounts() {
		if err := os.Mkdir(filepath.Join(mount, path), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if t.cgroups.Version == 2 {
		return t.delegate(path)
	}
	return t.inheritCPUSet(path)
}

// delegate makes the controllers available to the children of a cgroup (version 2).
func (t tree) delegate(path string) error {
	mount, ok := t.cgroups.Mounts["memory"]
	if !ok {
		return errors.New("the unified hierarchy has no memory controller")
	}
	dir := filepath.Join(mount, path)
	enabled, err := readFile(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	for _, controller := range t.controllers() {
		if t.cgroups.Mounts[controller] != mount || slices.Contains(strings.Fields(enabled), controller) {
			continue
		}
		if err := writeFile(dir, "cgroup.subtree_control", "+"+controller); err != nil {
			return fmt.Errorf("enable controller %s for children: %w", controller, err)
		}
	}
	return nil
}

// inheritCPUSet fills the CPUs and memory nodes of a fresh cgroup from its parent: version 1 leaves them empty, and then
// no process can enter.
func (t tree) inheritCPUSet(path string) error {
	dir, ok := t.dir("cpuset", path)
	if !ok || path == "/" {
		return nil
	}
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		have, err := readFile(filepath.Join(dir, name))
		if err != nil || have != "" {
			if err != nil {
				return err
			}
			continue
		}
		parent, err := readFile(filepath.Join(filepath.Dir(dir), name))
		if err != nil {
			return err
		}
		if err := writeFile(dir, name, parent); err != nil {
			return err
		}
	}
	return nil
}

// set writes limits into an existing cgroup.
func (t tree) set(path string, limits Limits) error {
	for _, value := range t.values(limits) {
		dir, ok := t.dir(value.controller, path)
		if !ok {
			continue // Said once at start, by Cgroups.Log.
		}
		if err := writeFile(dir, value.file, value.text); err != nil {
			return fmt.Errorf("limit cgroup %s: %w", path, err)
		}
	}
	return nil
}

// setting is one value of one file of a cgroup.
type setting struct{ controller, file, text string }

// values says which files limits are written to, in order.
func (t tree) values(l Limits) []setting {
	if t.cgroups.Version == 2 {
		return valuesV2(l)
	}
	return valuesV1(l)
}

func valuesV1(l Limits) []setting {
	var out []setting
	add := func(controller, file string, value int64) {
		if value != 0 {
			out = append(out, setting{controller, file, strconv.FormatInt(value, 10)})
		}
	}
	add("cpu", "cpu.shares", l.CPUShares)
	if l.CPUQuota != 0 {
		add("cpu", "cpu.cfs_period_us", l.CPUPeriod)
		add("cpu", "cpu.cfs_quota_us", l.CPUQuota)
	}
	add("memory", "memory.limit_in_bytes", l.Memory)
	if l.Pids != 0 {
		out = append(out, setting{"pids", "pids.max", maxOr(l.Pids)})
	}
	for _, size := range slices.Sorted(maps.Keys(l.HugePages)) {
		out = append(out, setting{"hugetlb", "hugetlb." + size + ".limit_in_bytes", strconv.FormatInt(l.HugePages[size], 10)})
	}
	return out
}

func valuesV2(l Limits) []setting {
	var out []setting
	if l.CPUShares != 0 {
		out = append(out, setting{"cpu", "cpu.weight", strconv.FormatUint(weight(l.CPUShares), 10)})
	}
	if l.CPUQuota != 0 {
		out = append(out, setting{"cpu", "cpu.max", maxOr(l.CPUQuota) + " " + strconv.FormatInt(l.CPUPeriod, 10)})
	}
	if l.Memory != 0 {
		out = append(out, setting{"memory", "memory.max", maxOr(l.Memory)})
	}
	if l.Pids != 0 {
		out = append(out, setting{"pids", "pids.max", maxOr(l.Pids)})
	}
	for _, size := range slices.Sorted(maps.Keys(l.HugePages)) {
		out = append(out, setting{"hugetlb", "hugetlb." + size + ".max", strconv.FormatInt(l.HugePages[size], 10)})
	}
	return out
}

func maxOr(value int64) string {
	if value < 0 {
		return "max"
	}
	return strconv.FormatInt(value, 10)
}

// children lists the cgroups right below path, in whichever hierarchy they are.
func (t tree) children(path string) ([]string, error) {
	found := map[string]bool{}
	for _, mount := range t.everywhere() {
		entries, err := os.ReadDir(filepath.Join(mount, path))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if entry.IsDir() {
				found[entry.Name()] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// everywhere lists all hierarchies, also those in which only the runtime makes cgroups.
func (t tree) everywhere() []string { return append(t.mounts(), t.cgroups.Others...) }

// remove ends all processes in a cgroup and removes it with everything below from every hierarchy.
func (t tree) remove(ctx context.Context, path string) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, removeTimeout, true, func(context.Context) (bool, error) {
		last = nil
		for _, mount := range t.everywhere() {
			last = errors.Join(last, removeDir(filepath.Join(mount, path)))
		}
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("remove cgroup %s: %w", path, errors.Join(err, last))
	}
	return nil
}

// removeDir removes one cgroup directory and its children. A cgroup that still has processes gets them killed and gives
// an error; the kernel needs a moment to reap them.
func removeDir(dir string) error {
	err := unix.Rmdir(dir)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	entries, readErr := os.ReadDir(dir)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeDir(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	if err := killAll(dir); err != nil {
		return err
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// busy says whether a process is in a cgroup or below it, in whichever hierarchy.
func (t tree) busy(path string) (bool, error) {
	for _, mount := range t.everywhere() {
		busy := false
		err := filepath.WalkDir(filepath.Join(mount, path), func(dir string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && !entry.IsDir() {
				return nil
			}
			if err != nil {
				return err
			}
			text, err := readFile(filepath.Join(dir, "cgroup.procs"))
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if busy = busy || text != ""; busy {
				return fs.SkipAll
			}
			return err
		})
		if err != nil || busy {
			return busy, err
		}
	}
	return false, nil
}

func killAll(dir string) error {
	text, err := readFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	for _, field := range strings.Fields(text) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("parse process ID: %w", err)
		}
		// 0 is a process outside of our PID namespace, which we could not name; kill(0) would reach our own group.
		if pid <= 0 {
			return fmt.Errorf("%s holds processes of another PID namespace", dir)
		}
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("kill process %d: %w", pid, err)
		}
	}
	return nil
}
