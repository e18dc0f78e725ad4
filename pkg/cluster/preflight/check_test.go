package preflight

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func needs() Needs {
	return Needs{DataDir: "/var/lib/proa", Version: Version{1, 36}, Addresses: []Address{{":6443", "the API server", "--api-port"}}, MinFreeBytes: 1 << 30, Alone: true}
}

func good() Facts {
	return Facts{
		FileSystems: []string{"ext4", "overlay"}, Namespaces: []string{"ipc", "mnt", "net", "pid", "user", "uts"},
		Controllers: []string{"cpu", "cpuset", "memory", "pids"}, BridgeNetfilter: true, FreeBytes: 2 << 30,
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Facts)
		want   []string
	}{
		{name: "good machine", change: func(*Facts) {}},
		{name: "older data", change: func(f *Facts) { f.DataVersion = Version{1, 35} }},
		{name: "not root", change: func(f *Facts) { f.UID, f.DataFault = 1000, "permission denied" }, want: []string{"proa runs as user 1000 and must be root: run it with sudo"}},
		{name: "newer data", change: func(f *Facts) { f.DataVersion = Version{1, 37} }, want: []string{
			"data directory /var/lib/proa was written by version 1.37, this is version 1.36: use the newer version, or choose another directory with --data-dir"}},
		{name: "disk full", change: func(f *Facts) { f.FreeBytes = 5 << 20 }, want: []string{
			"5 MiB are free for /var/lib/proa, 1024 MiB are needed: free space there, or choose another directory with --data-dir"}},
		{name: "bad directory is told once", change: func(f *Facts) { f.DataFault, f.FreeBytes = "read-only", 0 }, want: []string{
			"data directory /var/lib/proa cannot be used (read-only): mend that, or choose another with --data-dir"}},
		{name: "port in use", change: func(f *Facts) { f.Busy = map[string]string{":6443": "held by process 7 (k3s)"} }, want: []string{
			"address :6443 for the API server is not free (held by process 7 (k3s)): stop what holds it, or choose another port with --api-port"}},
		{name: "missing program", change: func(f *Facts) { f.Missing = []Program{{"runc", "apt-get install runc"}} }, want: []string{
			"program runc is missing: apt-get install runc"}},
		{name: "old kernel", change: func(f *Facts) {
			f.FileSystems, f.Namespaces, f.Controllers = nil, []string{"mnt"}, []string{"cpu"}
			f.NoNftables, f.NoForwarding = "protocol not supported", "read-only"
		}, want: []string{
			"the kernel has no overlay file system: run `modprobe overlay`, or use a kernel with CONFIG_OVERLAY_FS",
			"the kernel has no namespaces of kind ipc, net, pid, uts: use a kernel with CONFIG_NAMESPACES",
			"cgroup controllers are missing: cpuset, memory, pids: mount them or take cgroup_disable= off the kernel's command line",
			"nftables cannot be used (protocol not supported): run `modprobe nf_tables`, or use a kernel with CONFIG_NF_TABLES",
			"IPv4 forwarding cannot be switched on (read-only): set net.ipv4.ip_forward=1"}},
		{name: "former kubeadm node", change: func(f *Facts) { f.ForeignPods = "process 7 (nginx) in cgroup /kubepods" }, want: []string{
			"pods of another cluster run on this machine (process 7 (nginx) in cgroup /kubepods): end that cluster (for instance with `kubeadm reset`, or k3s-killall.sh), or make this one beside it with --data-dir and other networks and ports"}},
		{name: "a warning comes last", change: func(f *Facts) { f.BridgeNetfilter, f.Missing = false, []Program{{"runc", "apt-get install runc"}} }, want: []string{
			"program runc is missing: apt-get install runc",
			"bridged packets do not pass netfilter, so a pod cannot reach itself or a pod of its own node through a Service: run `modprobe br_netfilter`"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			facts := good()
			test.change(&facts)
			var got []string
			for _, p := range Check(needs(), facts) {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestListenersIn(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:192B 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
`
	if diff := cmp.Diff([]string{"4711"}, listenersIn(table, 6443)); diff != "" {
		t.Error(diff)
	}
}
