package ledger

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
)

// openShared opens two ledgers of one machine.
func openShared(t *testing.T) (a, b *Ledger) {
	t.Helper()
	shared := filepath.Join(t.TempDir(), "shared")
	var both []*Ledger
	for range 2 {
		l, err := open(filepath.Join(t.TempDir(), "ledger"), "b1", shared)
		must(t, err)
		both = append(both, l)
	}
	return both[0], both[1]
}

func forwardingNow(t *testing.T) string {
	t.Helper()
	value, err := readSysctl("net/ipv4/ip_forward")
	must(t, err)
	return value
}

// TestSysctlStaysForItsLastUser: whoever came first, whoever leaves first, and over a crash.
func TestSysctlStaysForItsLastUser(t *testing.T) {
	for _, firstLeaves := range []bool{true, false} {
		inNamespaces(t, func(t *testing.T) {
			a, b := openShared(t)
			defer b.Close()
			before := forwardingNow(t)
			must(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0))
			defer os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte(before), 0)
			for range 2 {
				must(t, a.SetSysctl("net.ipv4.ip_forward", "1"))
				must(t, b.SetSysctl("net.ipv4.ip_forward", "1"))
			}
			// As after kill -9.
			must(t, a.Close())
			a, err := open(a.path, "b1", a.shared)
			must(t, err)
			defer a.Close()
			first, last := a, b
			if !firstLeaves {
				first, last = b, a
			}
			for range 2 {
				must(t, first.Undo(context.Background()))
				if got := forwardingNow(t); got != "1" {
					t.Errorf("when one has gone, forwarding is %s for the other", got)
				}
			}
			must(t, last.Undo(context.Background()))
			if got := forwardingNow(t); got != "0" {
				t.Errorf("when both have gone, forwarding is %s", got)
			}
			if _, err := os.Stat(a.shared); !os.IsNotExist(err) {
				t.Errorf("what they shared is left: %v", err)
			}
		})
	}
}

// TestSysctlOfAGoneLedger: a cluster whose data somebody has deleted by hand keeps nothing.
func TestSysctlOfAGoneLedger(t *testing.T) {
	inNamespaces(t, func(t *testing.T) {
		a, b := openShared(t)
		defer b.Close()
		must(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0))
		must(t, a.SetSysctl("net.ipv4.ip_forward", "1"))
		must(t, b.SetSysctl("net.ipv4.ip_forward", "1"))
		must(t, a.Close())
		must(t, os.Remove(a.path))
		must(t, b.Undo(context.Background()))
		if got := forwardingNow(t); got != "0" {
			t.Errorf("forwarding is %s", got)
		}
	})
}

// TestSysctlOfAGoneMachine: what an agent has set in a network namespace that ended with it is forgotten by the next who looks.
func TestSysctlOfAGoneMachine(t *testing.T) {
	agent, host := openShared(t)
	defer host.Close()
	inNamespaces(t, func(t *testing.T) {
		must(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0))
		must(t, agent.SetSysctl("net.ipv4.ip_forward", "1"))
		must(t, agent.Close())
	})
	if _, err := os.Stat(filepath.Join(agent.shared, "sysctls.json")); err != nil {
		t.Error(err)
	}
	inNamespaces(t, func(t *testing.T) { // while its ledger is there, it may be undone
		must(t, host.withShared(func(*shared) error { return nil }))
	})
	if _, err := os.Stat(filepath.Join(agent.shared, "sysctls.json")); err != nil {
		t.Error(err)
	}
	must(t, os.Remove(agent.path))
	inNamespaces(t, func(t *testing.T) { must(t, host.withShared(func(*shared) error { return nil })) })
	if _, err := os.Stat(agent.shared); !os.IsNotExist(err) {
		t.Errorf("what they shared is left: %v", err)
	}
}

// TestSysctlStaysForOtherPrograms: somebody who found forwarding on has written nothing down; a bridge of theirs tells of them.
func TestSysctlStaysForOtherPrograms(t *testing.T) {
	for _, test := range []struct {
		name                 string
		before, ours, theirs []string
		want                 string
	}{
		{name: "nobody", want: "0"},
		{name: "our own bridge", ours: []string{"proa-t"}, want: "0"},
		{name: "a bridge that did without", before: []string{"br-lan"}, want: "0"},
		{name: "Docker came later", theirs: []string{"docker0"}, want: "1"},
	} {
		inNamespaces(t, func(t *testing.T) {
			add := func(names []string) {
				for _, name := range names {
					must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}))
				}
			}
			l, other := openShared(t)
			defer l.Close()
			defer other.Close()
			must(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0))
			add(test.before)
			for _, name := range test.ours {
				must(t, l.Interface(name))
			}
			must(t, l.SetSysctl("net.ipv4.ip_forward", "1"))
			add(test.ours)
			add(test.theirs)
			must(t, l.Undo(context.Background()))
			if got := forwardingNow(t); got != test.want {
				t.Errorf("%s: forwarding is %s, want %s", test.name, got, test.want)
			}
		})
	}
}

func nft(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("nft", args...).CombinedOutput()
	if err != nil {
		t.Errorf("nft %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestHostPortsOfOthers: rules as the portmap plugin writes them, for pods of two clusters and of another program.
func TestHostPortsOfOthers(t *testing.T) {
	inNamespaces(t, func(t *testing.T) {
		a, b := openShared(t)
		defer a.Close()
		defer b.Close()
		must(t, a.HostPorts("ip", "cni_hostport", "10.1.0.0/24"))
		must(t, a.HostPorts("ip6", "cni_hostport", "fd00:1::/64"))
		must(t, b.HostPorts("ip", "cni_hostport", "10.2.0.0/24"))
		must(t, a.Undo(context.Background())) // nothing was mapped
		must(t, a.HostPorts("ip", "cni_hostport", "10.1.0.0/24"))
		nft(t, "add", "table", "ip", "cni_hostport")
		for _, chain := range []string{"hostports", "hostip_hostports"} {
			nft(t, "add", "chain", "ip", "cni_hostport", chain)
		}
		nft(t, "add", "chain", "ip", "cni_hostport", "masquerading", "{ type nat hook postrouting priority 100; }")
		for _, pod := range []string{"10.1.0.7", "10.2.0.7", "10.88.0.7"} {
			nft(t, "add", "rule", "ip", "cni_hostport", "hostports", "tcp", "dport", "8080", "dnat", "to", pod+":80")
			nft(t, "add", "rule", "ip", "cni_hostport", "hostports", "ip", "daddr", "192.0.2.1", "udp", "dport", "53", "dnat", "to", pod+":53")
			nft(t, "add", "rule", "ip", "cni_hostport", "masquerading", "ip", "saddr", pod, "ip", "daddr", pod, "masquerade")
		}
		left := func() []int {
			table := nft(t, "list", "table", "ip", "cni_hostport")
			var counts []int
			for _, pod := range []string{"10.1.0.7", "10.2.0.7", "10.88.0.7"} {
				counts = append(counts, strings.Count(table, pod))
			}
			return counts
		}
		if diff := cmp.Diff([]int{4, 4, 4}, left()); diff != "" {
			t.Error(diff)
		}
		must(t, a.Undo(context.Background()))
		if diff := cmp.Diff([]int{0, 4, 4}, left()); diff != "" {
			t.Error(diff)
		}
		must(t, b.Undo(context.Background()))
		if diff := cmp.Diff([]int{0, 0, 4}, left()); diff != "" {
			t.Error(diff)
		}
		// When the other program has taken its rules away too, the table goes with the next who ends.
		nft(t, "flush", "table", "ip", "cni_hostport")
		must(t, b.HostPorts("ip", "cni_hostport", "10.2.0.0/24"))
		must(t, b.Undo(context.Background()))
		if tables := nft(t, "list", "tables"); tables != "" {
			t.Errorf("left: %s", tables)
		}
	})
}

// TestFilesOfOthers: of a directory that all container runtimes of a machine use only our own files go.
func TestFilesOfOthers(t *testing.T) {
	inNamespaces(t, func(t *testing.T) {
		a, b := openShared(t)
		defer a.Close()
		defer b.Close()
		dir := filepath.Join(t.TempDir(), "cni", "results")
		for _, l := range []*Ledger{a, b} {
			must(t, l.SharedDir(filepath.Dir(dir)))
			must(t, l.SharedDir(dir))
		}
		must(t, a.Files(filepath.Join(dir, "proa-[0-9a-f][0-9a-f]-*")))
		must(t, b.Files(filepath.Join(dir, "proa-0123-[0-9a-f][0-9a-f]-*")))
		must(t, os.MkdirAll(dir, 0o755))
		for _, name := range []string{"proa-0a-eth0", "proa-0123-0a-eth0", "podman-0a-eth0"} {
			must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		}
		left := func() []string {
			var names []string
			entries, err := os.ReadDir(dir)
			must(t, err)
			for _, e := range entries {
				names = append(names, e.Name())
			}
			return names
		}
		must(t, a.Undo(context.Background()))
		if diff := cmp.Diff([]string{"podman-0a-eth0", "proa-0123-0a-eth0"}, left()); diff != "" {
			t.Error(diff)
		}
		must(t, os.Remove(filepath.Join(dir, "podman-0a-eth0")))
		must(t, b.Undo(context.Background()))
		if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
			t.Errorf("the empty directory is left: %v", err)
		}
	})
}

// TestTableOfOthers: a table with a name that is not ours alone goes only if we have made it, also after a crash.
func TestTableOfOthers(t *testing.T) {
	inNamespaces(t, func(t *testing.T) {
		l, other := openShared(t)
		defer l.Close()
		defer other.Close()
		nft(t, "add", "table", "ip", "kube-proxy")
		for range 2 {
			must(t, l.NewNftTable("ip", "kube-proxy"))
			must(t, l.NewNftTable("ip6", "kube-proxy"))
			nft(t, "add", "table", "ip6", "kube-proxy")
		}
		must(t, l.Undo(context.Background()))
		if diff := cmp.Diff("table ip kube-proxy", nft(t, "list", "tables")); diff != "" {
			t.Error(diff)
		}
	})
}
