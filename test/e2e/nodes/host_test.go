package nodes

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// host is what a cluster changes on a machine.
type host struct {
	Links, Addresses, Routes, Tables, Mounts, Cgroups, Processes, Files []string
	Sysctls                                                             map[string]string
}

// sysctls are those that a cluster, or the parts of one, set.
var sysctls = []string{
	"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables",
	"net/ipv4/conf/all/route_localnet", "vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops",
}

// look looks at the machine. Cgroups are those of the whole machine, on which there may be other clusters: ours have names that
// follow from the data directory.
func look(t *testing.T) host {
	t.Helper()
	h := host{Sysctls: map[string]string{}, Tables: strings.Split(run(t, "nft", "list", "tables"), "\n"), Processes: commands(t)}
	links, err := netlink.LinkList()
	check(t, err)
	for _, link := range links {
		h.Links = append(h.Links, link.Attrs().Name)
	}
	h.Addresses = strings.Split(run(t, "ip", "-o", "-4", "address", "show"), "\n")
	h.Routes = slices.DeleteFunc(strings.Split(run(t, "ip", "route", "show", "table", "all"), "\n"), func(route string) bool {
		return strings.Contains(route, "fe80:") // comes some time after its link
	})
	mounts, err := mountinfo.GetMounts(nil)
	check(t, err)
	for _, mount := range mounts {
		h.Mounts = append(h.Mounts, mount.Mountpoint)
		if strings.HasPrefix(mount.FSType, "cgroup") {
			h.Cgroups = append(h.Cgroups, below(t, mount.Mountpoint, "*"+clusterName()+"*")...)
		}
	}
	for _, name := range sysctls {
		if content, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			h.Sysctls[name] = strings.TrimSpace(string(content))
		}
	}
	h.Files = append(files(t, "/run"), files(t, "/var/lib/cni")...)
	for _, list := range [][]string{h.Links, h.Addresses, h.Routes, h.Tables, h.Mounts, h.Cgroups, h.Files} {
		slices.Sort(list)
	}
	return h
}

// clusterName is how proa calls a cluster in that directory.
func clusterName() string {
	sum := sha256.Sum256([]byte(dataDir()))
	return "proa-" + hex.EncodeToString(sum[:4])
}

func below(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	check(t, err)
	return found
}

// files lists what is not a directory.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !entry.IsDir() {
			found = append(found, path)
		}
		return err
	})
	check(t, err)
	return found
}

// processes are all but the first of the namespace and the test itself.
func processes(t *testing.T) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	check(t, err)
	var pids []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && pid != 1 && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// commands are the command lines of processes; zombies have none.
func commands(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, pid := range processes(t) {
		line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err == nil && len(line) > 0 {
			list = append(list, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	slices.Sort(list)
	return list
}

// killAll kills everything on the machine but this test, as often as there is something.
func killAll(t *testing.T) {
	t.Helper()
	deadline := time.After(patience)
	for {
		pids := processes(t)
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				t.Fatal(err)
			}
		}
		select {
		case <-deadline:
			t.Fatalf("these do not end: %v", commands(t))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
