package resources

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"k8s.io/klog/v2"
)

// Controllers that limit pods. Without the needed ones a kubelet cannot keep its promises; without a useful one the
// limits that it enforces are left out.
func neededControllers() []string { return []string{"cpu", "cpuset", "memory"} }
func usefulControllers() []string { return []string{"pids", "hugetlb"} }

// Cgroups describes the control groups of a machine.
type Cgroups struct {
	// Version is 2 when the unified hierarchy has the controllers, 1 otherwise, also when a unified hierarchy without
	// controllers lies beside (hybrid).
	Version int
	// Mounts holds the mount point of each controller; for version 2 that is the same for all.
	Mounts map[string]string
	// Others are the mount points of further hierarchies in which the runtime makes cgroups (freezer, devices, systemd's
	// own, the unified one of a hybrid set-up ...).
	Others []string
	// Missing are controllers that a kubelet needs and Lacking those it can do without; neither is there.
	Missing, Lacking []string
}

// Detect reads which cgroups this machine has.
func Detect() (Cgroups, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return Cgroups{}, fmt.Errorf("list cgroup mounts: %w", err)
	}
	controllers := func(mount string) ([]string, error) {
		text, err := readFile(filepath.Join(mount, "cgroup.controllers"))
		return strings.Fields(text), err
	}
	return detect(mounts, controllers)
}

// detect reads the mount table; controllers lists those of a cgroup2 mount.
func detect(mounts []*mountinfo.Info, controllers func(mount string) ([]string, error)) (Cgroups, error) {
	c := Cgroups{Version: 1, Mounts: map[string]string{}}
	// A hierarchy that is mounted more than once is taken where it is customary.
	slices.SortStableFunc(mounts, func(a, b *mountinfo.Info) int {
		return rank(a.Mountpoint) - rank(b.Mountpoint)
	})
	seen := map[string]bool{}
	for _, mount := range mounts {
		if mount.Root != "/" || seen[mount.VFSOptions+mount.FSType] {
			continue
		}
		seen[mount.VFSOptions+mount.FSType] = true
		if err := c.add(mount, controllers); err != nil {
			return Cgroups{}, err
		}
	}
	for _, name := range neededControllers() {
		if c.Mounts[name] == "" {
			c.Missing = append(c.Missing, name)
		}
	}
	for _, name := range usefulControllers() {
		if c.Mounts[name] == "" {
			c.Lacking = append(c.Lacking, name)
		}
	}
	return c, nil
}

func (c *Cgroups) add(mount *mountinfo.Info, controllers func(mount string) ([]string, error)) error {
	var names []string
	if mount.FSType == "cgroup2" {
		found, err := controllers(mount.Mountpoint)
		if err != nil {
			return fmt.Errorf("list controllers of the unified hierarchy: %w", err)
		}
		// In a hybrid set-up it may hold a controller or two (hugetlb); the runtime does not use them there.
		if slices.Contains(found, "memory") {
			c.Version, names = 2, found
		}
	} else {
		names = strings.Split(mount.VFSOptions, ",")
	}
	used := false
	for _, name := range names {
		if (isLimiting(name) || name == "cpuacct") && c.Mounts[name] == "" {
			c.Mounts[name], used = mount.Mountpoint, true
		}
	}
	if !used {
		c.Others = append(c.Others, mount.Mountpoint)
	}
	return nil
}

func isLimiting(name string) bool {
	return slices.Contains(neededControllers(), name) || slices.Contains(usefulControllers(), name)
}

func rank(mount string) int {
	if mount == "/sys/fs/cgroup" || strings.HasPrefix(mount, "/sys/fs/cgroup/") {
		return 0
	}
	return 1
}

// Check gives an error that says what is missing when a kubelet cannot work with these cgroups.
func (c Cgroups) Check() error {
	if len(c.Missing) == 0 {
		return nil
	}
	return fmt.Errorf("cgroup v%d lacks the controllers %s; enable them in the kernel command line and mount them below /sys/fs/cgroup",
		c.Version, strings.Join(c.Missing, ", "))
}

// Log says once, at start, which cgroups are used and what cannot be enforced with them.
func (c Cgroups) Log(logger klog.Logger) {
	logger.Info("Using cgroups", "version", c.Version, "mounts", c.Mounts)
	if len(c.Lacking) > 0 {
		logger.Info("Limits of these cgroup controllers are not enforced, the machine does not have them", "controllers", c.Lacking)
	}
}
