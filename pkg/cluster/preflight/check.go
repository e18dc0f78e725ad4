package preflight

import (
	"fmt"
	"slices"
	"strings"
)

// Needs is what the cluster is about to use.
type Needs struct {
	// DataDir will hold all data.
	DataDir string
	// Version is ours, as major and minor number.
	Version Version
	// Addresses are those it will listen on, such as ":6443", each with what it is for.
	Addresses []Address
	// Programs are looked for in PATH; those with a slash are paths.
	Programs []Program
	// Alone: the cluster takes the customary networks and ports, and nobody has said that it is to be beside others.
	Alone bool
	// MinFreeBytes must be free where DataDir is.
	MinFreeBytes uint64
}

// Address is a TCP address to listen on, what for, and the flag by which another is given.
type Address struct {
	Address, Purpose, Flag string
}

// Program is an executable, and how to get it.
type Program struct {
	Name, Install string
}

// Version is a minor version, such as 1.36.
type Version struct {
	Major, Minor int
}

func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Newer says whether v is newer than other.
func (v Version) Newer(other Version) bool {
	return v.Major > other.Major || v.Major == other.Major && v.Minor > other.Minor
}

// Facts is what was seen on the machine.
type Facts struct {
	UID int
	// Busy maps an address that cannot be listened on to why, such as `held by process 12 (etcd)`.
	Busy map[string]string
	// Missing are the programs that were not found.
	Missing []Program
	// FileSystems and Namespaces are what the kernel offers; Controllers the cgroup controllers of all hierarchies.
	FileSystems, Namespaces, Controllers []string
	// NoNftables says why nftables cannot be used; empty means that it can.
	NoNftables string
	// NoForwarding says why IPv4 forwarding cannot be switched on; empty means that it can be or is.
	NoForwarding string
	// BridgeNetfilter: bridged packets are seen by the service rules.
	BridgeNetfilter bool
	// ForeignPods names what runs in pods of another kubelet; empty if there is nothing.
	ForeignPods string
	FreeBytes   uint64
	// DataVersion is the version that wrote the data directory; zero if there is none.
	DataVersion Version
	// DataFault says why the data directory cannot be used; empty means that it can.
	DataFault string
}

// Problem is one thing that is not as it must be.
type Problem struct {
	What, Do string
	// Warning: the cluster will work, but for what is said.
	Warning bool
}

func (p Problem) String() string { return p.What + ": " + p.Do }

// Check gives the problems, those that forbid a start first. Of somebody who is not root that is all that is said: much
// else cannot be known.
func Check(needs Needs, facts Facts) []Problem {
	if problems := CheckUser(facts.UID); problems != nil {
		return problems
	}
	problems := slices.Concat(
		checkData(needs, facts), checkPorts(needs, facts), checkPrograms(facts), checkNeighbours(needs, facts), checkKernel(facts))
	slices.SortStableFunc(problems, func(a, b Problem) int {
		switch {
		case a.Warning == b.Warning:
			return 0
		case b.Warning:
			return -1
		default:
			return 1
		}
	})
	return problems
}

// CheckUser is the part of Check that can be known of any process.
func CheckUser(uid int) []Problem {
	if uid == 0 {
		return nil
	}
	return []Problem{{What: fmt.Sprintf("proa runs as user %d and must be root", uid), Do: "run it with sudo"}}
}

func checkData(needs Needs, facts Facts) []Problem {
	var problems []Problem
	if facts.DataFault != "" {
		problems = append(problems, Problem{What: fmt.Sprintf("data directory %s cannot be used (%s)", needs.DataDir, facts.DataFault),
			Do: "mend that, or choose another with --data-dir"})
	}
	if facts.DataVersion.Newer(needs.Version) {
		problems = append(problems, Problem{
			What: fmt.Sprintf("data directory %s was written by version %v, this is version %v", needs.DataDir, facts.DataVersion, needs.Version),
			Do:   "use the newer version, or choose another directory with --data-dir"})
	}
	if facts.DataFault == "" && facts.FreeBytes < needs.MinFreeBytes {
		problems = append(problems, Problem{
			What: fmt.Sprintf("%d MiB are free for %s, %d MiB are needed", facts.FreeBytes>>20, needs.DataDir, needs.MinFreeBytes>>20),
			Do:   "free space there, or choose another directory with --data-dir"})
	}
	return problems
}

func checkPorts(needs Needs, facts Facts) []Problem {
	var problems []Problem
	for _, a := range needs.Addresses {
		if why, busy := facts.Busy[a.Address]; busy {
			problems = append(problems, Problem{What: fmt.Sprintf("address %s for %s is not free (%s)", a.Address, a.Purpose, why),
				Do: "stop what holds it, or choose another port with " + a.Flag})
		}
	}
	return problems
}

func checkPrograms(facts Facts) []Problem {
	var problems []Problem
	for _, p := range facts.Missing {
		problems = append(problems, Problem{What: fmt.Sprintf("program %s is missing", p.Name), Do: p.Install})
	}
	return problems
}

// checkNeighbours: the pods of another cluster would go on, but its Services and ours would be at the same addresses.
func checkNeighbours(needs Needs, facts Facts) []Problem {
	if facts.ForeignPods == "" || !needs.Alone {
		return nil
	}
	return []Problem{{What: "pods of another cluster run on this machine (" + facts.ForeignPods + ")",
		Do: "end that cluster (for instance with `kubeadm reset`, or k3s-killall.sh), or make this one beside it with --data-dir and other networks and ports"}}
}

// What a node needs of the kernel. Without the first list of controllers limits cannot be kept; hugetlb and io are
// optional even for conformance.
func requiredNamespaces() []string  { return []string{"ipc", "mnt", "net", "pid", "uts"} }
func requiredControllers() []string { return []string{"cpu", "cpuset", "memory", "pids"} }

func checkKernel(facts Facts) []Problem {
	var problems []Problem
	add := func(what, do string) { problems = append(problems, Problem{What: what, Do: do}) }
	if !slices.Contains(facts.FileSystems, "overlay") {
		add("the kernel has no overlay file system", "run `modprobe overlay`, or use a kernel with CONFIG_OVERLAY_FS")
	}
	if missing := lacking(requiredNamespaces(), facts.Namespaces); missing != "" {
		add("the kernel has no namespaces of kind "+missing, "use a kernel with CONFIG_NAMESPACES")
	}
	if missing := lacking(requiredControllers(), facts.Controllers); missing != "" {
		add("cgroup controllers are missing: "+missing, "mount them or take cgroup_disable= off the kernel's command line")
	}
	if facts.NoNftables != "" {
		add("nftables cannot be used ("+facts.NoNftables+")", "run `modprobe nf_tables`, or use a kernel with CONFIG_NF_TABLES")
	}
	if facts.NoForwarding != "" {
		add("IPv4 forwarding cannot be switched on ("+facts.NoForwarding+")", "set net.ipv4.ip_forward=1")
	}
	if !facts.BridgeNetfilter {
		problems = append(problems, Problem{Warning: true,
			What: "bridged packets do not pass netfilter, so a pod cannot reach itself or a pod of its own node through a Service",
			Do:   "run `modprobe br_netfilter`"})
	}
	return problems
}

// lacking lists what is required and not there.
func lacking(required, have []string) string {
	var missing []string
	for _, r := range required {
		if !slices.Contains(have, r) {
			missing = append(missing, r)
		}
	}
	return strings.Join(missing, ", ")
}
