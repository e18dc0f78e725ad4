package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/google/nftables"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Observe looks at the machine. What it cannot find out is a fact too, and not an error of Observe; an error means that
// the machine could not be looked at.
func Observe(ctx context.Context, needs Needs) (Facts, error) {
	facts := Facts{UID: os.Geteuid(), Busy: map[string]string{}}
	for _, a := range needs.Addresses {
		if why := tryListen(ctx, a.Address); why != "" {
			facts.Busy[a.Address] = why
		}
	}
	for _, p := range needs.Programs {
		if _, err := exec.LookPath(p.Name); err != nil {
			facts.Missing = append(facts.Missing, p)
		}
	}
	facts.observeData(needs.DataDir)
	var err error
	if facts.ForeignPods, err = foreignPods("/"); err != nil {
		return facts, err
	}
	return facts, facts.observeKernel()
}

// tryListen says why an address cannot be listened on.
func tryListen(ctx context.Context, address string) string {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err == nil {
		listener.Close()
		return ""
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		if holder := holderOf(address); holder != "" {
			return "held by " + holder
		}
	}
	return err.Error()
}

func (f *Facts) observeData(dir string) {
	existing := nearestExisting(dir)
	if info, err := os.Stat(existing); err != nil {
		f.DataFault = err.Error()
		return
	} else if !info.IsDir() {
		f.DataFault = existing + " is not a directory"
		return
	}
	if err := unix.Access(existing, unix.W_OK); err != nil {
		f.DataFault = fmt.Sprintf("%s is not writable: %v", existing, err)
		return
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(existing, &stat); err != nil {
		f.DataFault = err.Error()
		return
	}
	f.FreeBytes = stat.Bavail * uint64(stat.Bsize)
	version, err := ReadVersion(dir)
	if err != nil {
		f.DataFault = err.Error()
	}
	f.DataVersion = version
}

// nearestExisting gives the directory itself or the first above it that exists.
func nearestExisting(dir string) string {
	for {
		if _, err := os.Lstat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func (f *Facts) observeKernel() error {
	content, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return fmt.Errorf("list file systems: %w", err)
	}
	f.FileSystems = strings.Fields(string(content))
	entries, err := os.ReadDir("/proc/self/ns")
	if err != nil {
		return fmt.Errorf("list namespaces: %w", err)
	}
	for _, e := range entries {
		f.Namespaces = append(f.Namespaces, e.Name())
	}
	if f.Controllers, err = controllers(); err != nil {
		return err
	}
	f.NoNftables = tryNftables()
	if err := unix.Access("/proc/sys/net/ipv4/ip_forward", unix.W_OK); err != nil {
		f.NoForwarding = err.Error()
	}
	_, err = os.Stat("/proc/sys/net/bridge")
	f.BridgeNetfilter = err == nil
	return nil
}

func tryNftables() string {
	conn, err := nftables.New()
	if err != nil {
		return err.Error()
	}
	if _, err := conn.ListTables(); err != nil {
		return err.Error()
	}
	return ""
}

// controllers gives the cgroup controllers that can be used: those of mounted version 1 hierarchies, and those of version 2.
func controllers() ([]string, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return nil, fmt.Errorf("list cgroup hierarchies: %w", err)
	}
	var found []string
	for _, m := range mounts {
		if m.FSType == "cgroup" {
			found = append(found, strings.Split(m.VFSOptions, ",")...)
			continue
		}
		content, err := os.ReadFile(filepath.Join(m.Mountpoint, "cgroup.controllers"))
		if err != nil {
			return nil, fmt.Errorf("list cgroup controllers: %w", err)
		}
		found = append(found, strings.Fields(string(content))...)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}
