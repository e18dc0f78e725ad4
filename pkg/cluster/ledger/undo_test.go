package ledger

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/moby/sys/mountinfo"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/proa-sh/proa/pkg/cluster/process"
)

// inNamespaces runs fn on a thread with network and mount namespaces of its own, which end with the thread.
func inNamespaces(t *testing.T, fn func(t *testing.T)) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the runtime ends the thread
		if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
			t.Errorf("make namespaces: %v", err)
			return
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Errorf("make mounts private: %v", err)
			return
		}
		fn(t)
	}()
	<-done
}

// must is for steps of which every later one depends; t.FailNow may not be called off the test's own goroutine.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
		runtime.Goexit()
	}
}

// hostState is what the test compares before and after.
type hostState struct {
	Links, Routes, Tables, Mounts []string
	Forward, File                 string
}

func observe(t *testing.T, dir string) hostState {
	t.Helper()
	var s hostState
	links, err := netlink.LinkList()
	must(t, err)
	for _, link := range links {
		s.Links = append(s.Links, link.Attrs().Name)
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	must(t, err)
	for _, route := range routes {
		s.Routes = append(s.Routes, route.String())
	}
	conn, err := nftables.New()
	must(t, err)
	tables, err := conn.ListTables()
	must(t, err)
	for _, table := range tables {
		s.Tables = append(s.Tables, table.Name)
	}
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	must(t, err)
	for _, m := range mounts {
		s.Mounts = append(s.Mounts, m.Mountpoint)
	}
	forward, err := os.ReadFile("/proc/sys/net/ipv4/conf/lo/forwarding")
	must(t, err)
	file, err := os.ReadFile(filepath.Join(dir, "replaced"))
	must(t, err)
	s.Forward, s.File = string(forward), string(file)
	return s
}

// change makes one change of each kind that namespaces contain, telling the ledger before.
func change(t *testing.T, l *Ledger, dir string) {
	t.Helper()
	must(t, l.Interface("proa-test"))
	must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "proa-test"}}))
	bridge, err := netlink.LinkByName("proa-test")
	must(t, err)
	must(t, netlink.LinkSetUp(bridge))
	// A pod's: the other end would be in its namespace.
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "proa-port", MasterIndex: bridge.Attrs().Index}, PeerName: "proa-peer"}))
	must(t, netlink.AddrAdd(bridge, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 9, 0, 1), Mask: net.CIDRMask(24, 32)}}))

	_, prefix, err := net.ParseCIDR("10.10.0.0/16")
	must(t, err)
	must(t, l.Route(prefix.String(), "10.9.0.2", "proa-test"))
	must(t, netlink.RouteAdd(&netlink.Route{Dst: prefix, Gw: net.IPv4(10, 9, 0, 2), LinkIndex: bridge.Attrs().Index}))

	conn, err := nftables.New()
	must(t, err)
	must(t, l.NftTable("inet", "proa-test"))
	conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "proa-test"})
	must(t, conn.Flush())

	must(t, l.SetSysctl("net.ipv4.conf.lo.forwarding", "1"))
	must(t, l.SetSysctl("net/ipv4/conf/lo/forwarding", "1"))

	volumes, single := filepath.Join(dir, "volumes"), filepath.Join(dir, "single")
	must(t, l.Dir(volumes))
	must(t, l.MountsUnder(volumes))
	must(t, os.MkdirAll(filepath.Join(volumes, "a"), 0o755))
	must(t, unix.Mount("one", filepath.Join(volumes, "a"), "tmpfs", 0, ""))
	must(t, os.Mkdir(filepath.Join(volumes, "a", "b"), 0o755))
	must(t, unix.Mount("two", filepath.Join(volumes, "a", "b"), "tmpfs", 0, ""))
	must(t, l.Dir(single))
	must(t, os.Mkdir(single, 0o755))
	must(t, l.Mount(single))
	must(t, unix.Mount("three", single, "tmpfs", 0, ""))

	must(t, l.File(filepath.Join(dir, "replaced")))
	must(t, os.WriteFile(filepath.Join(dir, "replaced"), []byte("new"), 0o600))
	must(t, l.File(filepath.Join(dir, "made")))
	must(t, os.WriteFile(filepath.Join(dir, "made"), nil, 0o600))
}

func TestUndoRestoresTheHost(t *testing.T) {
	inNamespaces(t, func(t *testing.T) {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "replaced"), []byte("old"), 0o640))
		path := filepath.Join(t.TempDir(), "ledger")
		before := observe(t, dir)
		for round := range 2 {
			l, err := Open(path)
			must(t, err)
			change(t, l, dir)
			if during := observe(t, dir); cmp.Equal(before, during) {
				t.Error("the changes changed nothing")
			}
			if round == 1 { // as after a crash: opened anew, with a part undone by hand
				must(t, l.Close())
				l, err = Open(path)
				must(t, err)
				for _, name := range []string{"proa-port", "proa-test"} {
					link, err := netlink.LinkByName(name)
					must(t, err)
					must(t, netlink.LinkDel(link))
				}
			}
			for range 2 {
				must(t, l.Undo(context.Background()))
				if diff := cmp.Diff(before, observe(t, dir)); diff != "" {
					t.Error(diff)
				}
			}
			must(t, l.Close())
			content, err := os.ReadFile(path)
			must(t, err)
			if len(content) != 0 {
				t.Errorf("left in the ledger: %s", content)
			}
		}
		entries, err := os.ReadDir(dir)
		must(t, err)
		if len(entries) != 1 {
			t.Errorf("left over: %v", entries)
		}
		info, err := os.Stat(filepath.Join(dir, "replaced"))
		must(t, err)
		if info.Mode().Perm() != 0o640 {
			t.Errorf("mode %v, want 0640", info.Mode().Perm())
		}
	})
}

func TestUndoLeavesWhatOthersSetSince(t *testing.T) {
	inNamespaces(t, func(t *testing.T) {
		l, err := Open(filepath.Join(t.TempDir(), "ledger"))
		must(t, err)
		defer l.Close()
		must(t, l.SetSysctl("net.ipv4.ip_local_port_range", "20000 30000"))
		const path = "/proc/sys/net/ipv4/ip_local_port_range"
		must(t, os.WriteFile(path, []byte("25000 26000"), 0))
		must(t, l.Undo(context.Background()))
		now, err := os.ReadFile(path)
		must(t, err)
		if got := strings.Join(strings.Fields(string(now)), " "); got != "25000 26000" {
			t.Errorf("range is %q, want what was set last", got)
		}
	})
}

func TestUndoLeavesMountsOfOthers(t *testing.T) {
	inNamespaces(t, func(t *testing.T) {
		dir := t.TempDir()
		must(t, unix.Mount("disk", dir, "tmpfs", 0, ""))
		defer unix.Unmount(dir, unix.MNT_DETACH)
		for _, sub := range []string{"before", "ours"} {
			must(t, os.Mkdir(filepath.Join(dir, sub), 0o755))
		}
		must(t, unix.Mount("disk", filepath.Join(dir, "before"), "tmpfs", 0, ""))
		l, err := Open(filepath.Join(t.TempDir(), "ledger"))
		must(t, err)
		defer l.Close()
		must(t, l.MountsUnder(dir))
		must(t, unix.Mount("ours", filepath.Join(dir, "ours"), "tmpfs", 0, ""))
		must(t, l.Undo(context.Background()))
		left, err := mountsUnder(dir)
		must(t, err)
		if diff := cmp.Diff([]string{dir, filepath.Join(dir, "before")}, left); diff != "" {
			t.Error(diff)
		}
	})
}

// sleeper starts a process that only waits, marked if mark is not empty.
func sleeper(t *testing.T, mark string) process.Process {
	t.Helper()
	cmd := exec.Command("sh", "-c", "echo up; exec tail -f /dev/null")
	if mark != "" {
		cmd.Env = append(os.Environ(), process.MarkEnv(mark))
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	_, err = bufio.NewReader(out).ReadString('\n')
	go func() { cmd.Wait(); close(ended) }()
	if err != nil {
		t.Fatal(err)
	}
	p, err := process.Lookup(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestUndoEndsProcesses(t *testing.T) {
	l, err := Open(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	mark := t.TempDir()
	if err := l.Processes(mark); err != nil {
		t.Fatal(err)
	}
	ours, other := sleeper(t, mark), sleeper(t, "")
	if err := l.Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := process.Lookup(ours.Pid); err == nil {
		t.Error("the marked process still runs")
	}
	if _, err := process.Lookup(other.Pid); err != nil {
		t.Errorf("the other process was hit: %v", err)
	}
}

func TestUndoEmptiesAndRemovesCgroups(t *testing.T) {
	l, err := Open(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	name := "/proa-ledger-test-" + strconv.Itoa(os.Getpid())
	if err := l.Cgroup(name); err != nil {
		t.Fatal(err)
	}
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		t.Fatal(err)
	}
	if len(mounts) == 0 {
		t.Fatal("no cgroup hierarchy is mounted on this machine")
	}
	member := sleeper(t, "")
	for _, m := range mounts {
		sub := filepath.Join(m.Mountpoint, name, "pod", "container")
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(m.VFSOptions, "cpuset") { // takes no process before it is given processors
			continue
		}
		if err := os.WriteFile(filepath.Join(sub, "cgroup.procs"), []byte(strconv.Itoa(member.Pid)), 0); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(m.VFSOptions, "freezer") {
			if err := os.WriteFile(filepath.Join(sub, "freezer.state"), []byte("FROZEN"), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 {
		if err := l.Undo(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if dirs, err := cgroupDirs(name); err != nil || len(dirs) != 0 {
		t.Errorf("left over: %v, %v", dirs, err)
	}
	if _, err := process.Lookup(member.Pid); err == nil {
		t.Error("the process in the cgroup still runs")
	}
}
