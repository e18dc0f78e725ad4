package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/proa-sh/proa/pkg/cluster/controlplane"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/preflight"
)

// DefaultDataDir and DefaultRunDir are where the one cluster is that nobody gave another place.
const (
	DefaultDataDir = "/var/lib/proa"
	DefaultRunDir  = "/run/proa"
	DefaultName    = "proa"
	DefaultAPIPort = 6443
	// These are the customary ones, which monitoring and load balancers look for.
	DefaultKubeletPort     = 10250
	DefaultProxyHealthPort = 10256
)

// Config is one cluster. Two clusters with different DataDir can be on one machine if their ports and networks differ.
type Config struct {
	// Name is that of the cluster, user and context in kubeconfigs.
	Name string
	// DataDir keeps everything that must outlive a reboot; RunDir what ends with it.
	DataDir, RunDir string
	// BinDir holds the programs that `make` and `make tools` make.
	BinDir string
	// APIPort is where the API server listens, on all addresses.
	APIPort int
	// KubeletPort and ProxyHealthPort are where the kubelet and the service proxy listen, on all addresses.
	KubeletPort, ProxyHealthPort int
	// NodeName and NodeIP are this machine's.
	NodeName string
	NodeIP   netip.Addr
	// PodCIDR and ServiceCIDR are the networks of pods and Services; DNSDomain is the cluster's domain.
	PodCIDR, ServiceCIDR netip.Prefix
	DNSDomain            string
	// NodeCIDR is the network between this machine and further nodes on it.
	NodeCIDR netip.Prefix
	// Nodes is how many nodes there are to be at least, with this machine. Those that are in the data directory count.
	Nodes int
	// RuntimeHandlers are names that handlers of RuntimeClasses may have beside runc; all of them are runc.
	RuntimeHandlers []string
	// Programs are paths of programs that stand in place of our parts, by the names of the five binaries.
	Programs map[string]string
	// Verbosity is how much the agents of further nodes log.
	Verbosity int
	// MergeKubeconfig puts the cluster into the user's kubeconfig too.
	MergeKubeconfig bool
	// Version is this program's.
	Version preflight.Version
}

// DefaultConfig is the cluster that `proa up` starts when nothing else is said. The error says what could not be found
// out about this machine.
func DefaultConfig() (Config, error) {
	cfg := Config{
		Name: DefaultName, DataDir: DefaultDataDir, RunDir: DefaultRunDir,
		APIPort: DefaultAPIPort, KubeletPort: DefaultKubeletPort, ProxyHealthPort: DefaultProxyHealthPort,
		PodCIDR: netip.MustParsePrefix("10.244.0.0/16"), ServiceCIDR: netip.MustParsePrefix("10.96.0.0/12"),
		NodeCIDR: netip.MustParsePrefix("10.243.0.0/24"), DNSDomain: "cluster.local", MergeKubeconfig: true, Version: preflight.Version{Major: 1, Minor: 36},
	}
	self, err := os.Executable()
	if err != nil {
		return cfg, fmt.Errorf("find own program: %w", err)
	}
	cfg.BinDir = filepath.Dir(self)
	host, err := os.Hostname()
	if err != nil {
		return cfg, fmt.Errorf("find host name: %w", err)
	}
	cfg.NodeName = strings.ToLower(host)
	cfg.NodeIP, err = nodeIP()
	return cfg, err
}

// UseDataDir moves the cluster to another directory; everything that is named for the one cluster gets another name,
// which follows from the directory.
func (c *Config) UseDataDir(dir string) {
	c.DataDir = dir
	if dir == DefaultDataDir {
		return
	}
	sum := sha256.Sum256([]byte(dir))
	suffix := "-" + hex.EncodeToString(sum[:4])
	c.RunDir = DefaultRunDir + suffix
	c.Name = DefaultName + suffix
	c.MergeKubeconfig = false
}

// Validate gives every fault.
func (c Config) Validate() error {
	var faults []error
	for name, dir := range map[string]string{"data": c.DataDir, "run": c.RunDir, "program": c.BinDir} {
		if !filepath.IsAbs(dir) || filepath.Clean(dir) != dir || dir == "/" {
			faults = append(faults, fmt.Errorf("%s directory %q must be an absolute, plain path and not the root", name, dir))
		}
	}
	used := map[int]string{}
	for _, p := range c.ports() {
		if p.port < 1 || p.port > 65535 {
			faults = append(faults, fmt.Errorf("%s port %d must be from 1 to 65535", p.name, p.port))
		} else if other, twice := used[p.port]; twice {
			faults = append(faults, fmt.Errorf("%s port %d is the %s port too", p.name, p.port, other))
		}
		used[p.port] = p.name
	}
	for _, fault := range validation.IsDNS1123Subdomain(c.NodeName) {
		faults = append(faults, fmt.Errorf("node name %q: %s", c.NodeName, fault))
	}
	for _, handler := range c.RuntimeHandlers {
		for _, fault := range validation.IsDNS1123Label(handler) {
			faults = append(faults, fmt.Errorf("runtime handler %q: %s", handler, fault))
		}
	}
	if c.Name == "" {
		faults = append(faults, errors.New("cluster name must not be empty"))
	}
	if !c.NodeIP.IsValid() {
		faults = append(faults, errors.New("node address must be given"))
	}
	return errors.Join(slices.Concat(faults, c.validateNetworks(), c.validatePrograms())...)
}

// ProgramNames are those that Programs may have.
func ProgramNames() []string {
	return []string{controlplane.APIServerProgram, controlplane.ControllerManagerProgram, controlplane.SchedulerProgram, node.KubeletProgram, node.ProxyProgram}
}

func (c Config) validatePrograms() []error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Programs)) {
		if !slices.Contains(ProgramNames(), name) {
			faults = append(faults, fmt.Errorf("program %q: no part is called so; parts are %s", name, strings.Join(ProgramNames(), ", ")))
		}
		if path := c.Programs[name]; !filepath.IsAbs(path) {
			faults = append(faults, fmt.Errorf("program %s: path %q must be absolute", name, path))
		}
	}
	return faults
}

func (c Config) validateNetworks() []error {
	var faults []error
	networks := []struct {
		name   string
		prefix netip.Prefix
	}{{"pod", c.PodCIDR}, {"service", c.ServiceCIDR}, {"node", c.NodeCIDR}}
	for i, a := range networks {
		for _, b := range networks[i+1:] {
			if a.prefix.Overlaps(b.prefix) {
				faults = append(faults, fmt.Errorf("%s network %v and %s network %v must not overlap", a.name, a.prefix, b.name, b.prefix))
			}
		}
	}
	if !c.NodeCIDR.Addr().Is4() || c.NodeCIDR.Bits() > 29 || c.NodeCIDR.Bits() < 16 {
		faults = append(faults, fmt.Errorf("node network %v must be of IPv4 and have from 16 to 29 bits", c.NodeCIDR))
	}
	return faults
}

// listener is a port that the cluster takes on all addresses.
type listener struct {
	port                int
	name, purpose, flag string
}

func (c Config) ports() []listener {
	return []listener{
		{c.APIPort, "API", "the API server", "--api-port"},
		{c.KubeletPort, "kubelet", "the kubelet", "--kubelet-port"},
		{c.ProxyHealthPort, "proxy health", "the service proxy's health", "--proxy-health-port"},
	}
}

// ServerURL is where clients on this machine find the API server.
func (c Config) ServerURL() string {
	return "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(c.APIPort))
}

// KubernetesServiceIP is the first address of the service network, which is the API server's.
func (c Config) KubernetesServiceIP() netip.Addr { return nth(c.ServiceCIDR, 1) }

// DNSServiceIP is the tenth address of the service network, which is the cluster DNS's.
func (c Config) DNSServiceIP() netip.Addr { return nth(c.ServiceCIDR, 10) }

func nth(network netip.Prefix, n int) netip.Addr {
	addr := network.Masked().Addr()
	for range n {
		addr = addr.Next()
	}
	return addr
}

// Paths of the cluster's files. Those below RunDir end with the cluster, those below DataDir with reset. Those of a node are
// in package node.
func (c Config) KeeperProgram() string   { return filepath.Join(c.BinDir, "proa-keeper") }
func (c Config) ControlSocket() string   { return filepath.Join(c.RunDir, "control.sock") }
func (c Config) EtcdSocket() string      { return filepath.Join(c.RunDir, "etcd.sock") }
func (c Config) EtcdDir() string         { return filepath.Join(c.DataDir, "etcd") }
func (c Config) PKIDir() string          { return c.Node().PKIDir() }
func (c Config) AdminKubeconfig() string { return c.Kubeconfig("admin") }
func (c Config) LogDir() string          { return c.Node().LogDir() }
func (c Config) ServerLog() string       { return filepath.Join(c.LogDir(), "proa.log") }
func (c Config) EtcdLog() string         { return filepath.Join(c.LogDir(), "etcd.log") }
func (c Config) ImagesDir() string       { return filepath.Join(c.BinDir, "images") }
func (c Config) NodesDir() string        { return filepath.Join(c.DataDir, "nodes") }
func (c Config) LedgerFile() string      { return filepath.Join(c.DataDir, "ledger") }
func (c Config) lockFile() string        { return filepath.Join(c.DataDir, "lock") }

// Kubeconfig is the kubeconfig of an identity, such as admin, kubelet or scheduler.
func (c Config) Kubeconfig(identity string) string { return c.Node().Kubeconfig(identity) }
