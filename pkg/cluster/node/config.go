package node

import (
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/proa-sh/proa/pkg/cluster/containerd"
	"github.com/proa-sh/proa/pkg/cluster/images"
)

// Config is one node. It can be written to a file and read by another process.
type Config struct {
	// Name and IP are those of the Node.
	Name string
	IP   netip.Addr
	// DataDir keeps what must outlive a reboot; RunDir what ends with the node. The first node's are the cluster's.
	DataDir, RunDir string
	// BinDir holds the programs, CertsDir what containerd must know of registries; all nodes share them.
	BinDir, CertsDir string
	// Cluster begins the names of what clusters in one network namespace, or on one machine, must tell apart by name: nftables
	// tables and the CNI network.
	Cluster string
	// Mark is carried by the processes of the node (package process).
	Mark string
	// CgroupRoot is the cgroup below which kubepods is, which holds nothing else. It is the node's own: whoever runs other kubelets
	// on the machine keeps their pods.
	CgroupRoot string
	// Bridge is the interface that pods are attached to, in the node's own network namespace.
	Bridge string
	// HostLogs shows the logs of pods where log collectors look for them on every node, in /var/log.
	HostLogs bool
	// KubeletPort and ProxyHealthPort are where the kubelet and the service proxy listen, on all addresses.
	KubeletPort, ProxyHealthPort int
	// PodCIDR is the network of all pods of the cluster.
	PodCIDR netip.Prefix
	// DNSServiceIP is where pods find the cluster DNS, DNSDomain the cluster's domain.
	DNSServiceIP netip.Addr
	DNSDomain    string
	// RuntimeHandlers are names for handlers of RuntimeClasses beside runc; all of them are runc.
	RuntimeHandlers []string
	// Programs are paths of programs that stand in place of parts, by their names (KubeletProgram, ProxyProgram).
	Programs map[string]string
}

// Places of the node's files.
func (c Config) LogDir() string         { return filepath.Join(c.DataDir, "log") }
func (c Config) AgentLog() string       { return filepath.Join(c.LogDir(), "agent.log") }
func (c Config) ContainerdLog() string  { return filepath.Join(c.LogDir(), "containerd.log") }
func (c Config) StacksFile() string     { return filepath.Join(c.LogDir(), "stacks.txt") }
func (c Config) PodLogsDir() string     { return filepath.Join(c.LogDir(), "pods") }
func (c Config) LogLinksDir() string    { return filepath.Join(c.LogDir(), "containers") }
func (c Config) ContainerdRoot() string { return filepath.Join(c.DataDir, "containerd") }
func (c Config) CNIConfDir() string     { return filepath.Join(c.DataDir, "cni", "net.d") }
func (c Config) CNIDataDir() string     { return filepath.Join(c.DataDir, "cni", "networks") }
func (c Config) CNICacheDir() string    { return filepath.Join(c.DataDir, "cni", "cache") }
func (c Config) KubeletDir() string     { return filepath.Join(c.DataDir, "kubelet") }
func (c Config) PKIDir() string         { return filepath.Join(c.DataDir, "pki") }
func (c Config) KubeconfigDir() string  { return filepath.Join(c.DataDir, "kubeconfig") }
func (c Config) ControlSocket() string  { return filepath.Join(c.RunDir, "control.sock") }

// CNICache is where libcni remembers what plugins have answered, for all container runtimes of a machine; nobody can give it
// another place. Further nodes have their CNICacheDir mounted there.
const CNICache = "/var/lib/cni"

// cniResults are the files there that are the node's: named for the network and a pod's sandbox, whose number has 64 digits.
func (c Config) cniResults() string {
	return filepath.Join(CNICache, "results", c.Cluster+"-"+strings.Repeat("[0-9a-f]", 64)+"-*")
}

// Kubeconfig is the kubeconfig of an identity, such as kubelet or proxy.
func (c Config) Kubeconfig(identity string) string {
	return filepath.Join(c.KubeconfigDir(), identity+".conf")
}

// Names of the node's nftables tables.
func (c Config) ProxyTable() string   { return c.Cluster + "-proxy" }
func (c Config) NetworkTable() string { return c.Cluster + "-network" }

// Containerd is the configuration of the node's container runtime. restrict says that this machine does not let a process
// lower its OOM score.
func (c Config) Containerd(restrict bool) containerd.Config {
	return containerd.Config{
		BinDir: c.BinDir, Root: c.ContainerdRoot(), State: filepath.Join(c.RunDir, "containerd"), LogFile: c.ContainerdLog(),
		CNIBinDir: filepath.Join(c.BinDir, "cni"), CNIConfDir: c.CNIConfDir(), CertsDir: c.CertsDir,
		SandboxImage: images.PauseName, RuntimeHandlers: c.RuntimeHandlers,
		RestrictOOMScoreAdj: restrict, Mark: c.Mark,
	}
}

// Images reaches the images of the node, also from outside of its namespaces.
func (c Config) Images() containerd.ImageStore {
	return containerd.ImageStore{Socket: c.Containerd(false).Socket()}
}
