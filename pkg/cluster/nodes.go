package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/netip"
	"path"
	"path/filepath"
	"strconv"

	"github.com/proa-sh/proa/pkg/cluster/agent"
	"github.com/proa-sh/proa/pkg/cluster/machine"
	"github.com/proa-sh/proa/pkg/cluster/machine/first"
	"github.com/proa-sh/proa/pkg/cluster/node"
)

// Node is the first node, which is this machine.
func (c Config) Node() node.Config {
	return node.Config{
		Name: c.NodeName, IP: c.NodeIP, DataDir: c.DataDir, RunDir: c.RunDir, BinDir: c.BinDir, CertsDir: c.certsDir(),
		Mark: c.DataDir, Cluster: c.Name, CgroupRoot: "/" + c.Name, Bridge: c.linkName("proa0", "proa-", c.DataDir),
		HostLogs:    c.DataDir == DefaultDataDir, // of two clusters on one machine only one can have them there
		KubeletPort: c.KubeletPort, ProxyHealthPort: c.ProxyHealthPort,
		PodCIDR: c.PodCIDR, DNSServiceIP: c.DNSServiceIP(), DNSDomain: c.DNSDomain, RuntimeHandlers: c.RuntimeHandlers, Programs: c.Programs,
	}
}

// AllNodes are all nodes that the cluster is to have, the first one first.
func (c Config) AllNodes() ([]node.Config, error) {
	records, err := c.readRecords()
	list := []node.Config{c.Node()}
	for _, r := range records {
		list = append(list, c.furtherNode(r))
	}
	return list, err
}

// furtherNode is the node of that name. What it shares with the first is only what all nodes do.
func (c Config) furtherNode(r record) node.Config {
	n := c.Node()
	n.Name, n.IP = r.Name, nth(c.NodeCIDR, r.Index)
	n.DataDir, n.RunDir = filepath.Join(c.NodesDir(), r.Name), filepath.Join(c.RunDir, "nodes", r.Name)
	n.HostLogs = false
	n.Mark, n.CgroupRoot = n.DataDir, path.Join(c.nodesCgroup(), r.Name)
	// Nobody else is in its network namespace.
	n.Cluster, n.Bridge, n.KubeletPort, n.ProxyHealthPort = DefaultName, "proa0", DefaultKubeletPort, DefaultProxyHealthPort
	return n
}

// machine is what the node lives on; program is proa.
func (c Config) machine(n node.Config, program string) machine.Config {
	binds := []first.Bind{{Source: c.hostnameFile(n), Target: "/etc/hostname"}}
	for place, dir := range n.Places() {
		binds = append(binds, first.Bind{Source: dir, Target: place})
	}
	if c.Node().HostLogs { // those are this machine's
		for place, dir := range n.LogPlaces() {
			binds = append(binds, first.Bind{Source: dir, Target: place})
		}
	}
	return machine.Config{
		Spec: first.Spec{
			Hostname: n.Name, Hide: []string{c.DataDir, c.RunDir}, Binds: binds,
			Program: []string{program, agent.Command, c.agentFile(n)},
		},
		BinDir: c.BinDir, Dir: n.RunDir, LogFile: n.AgentLog(), Mark: n.Mark,
		Bridge: c.nodesBridge(), Port: c.linkName("", "proa-p-", n.DataDir),
		Address: prefixOf(n.IP, c.NodeCIDR), Gateway: c.gateway(),
	}
}

func (c Config) hostnameFile(n node.Config) string { return filepath.Join(n.RunDir, "hostname") }
func (c Config) agentFile(n node.Config) string    { return filepath.Join(n.RunDir, "agent.json") }
func (c Config) certsDir() string                  { return filepath.Join(c.DataDir, "certs.d") }

// gateway is this machine in the network of nodes.
func (c Config) gateway() netip.Addr { return nth(c.NodeCIDR, 1) }

// prefixOf is an address with the size of the network it is in.
func prefixOf(addr netip.Addr, network netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(addr, network.Bits())
}

// gatewayURL is where further nodes find the API server.
func (c Config) gatewayURL() string {
	return "https://" + net.JoinHostPort(c.gateway().String(), strconv.Itoa(c.APIPort))
}

// nodesBridge is the interface that further nodes are attached to.
func (c Config) nodesBridge() string { return c.linkName("proa-nodes", "proa-n-", c.DataDir) }

// linkName is the name that one cluster uses, or one made of a prefix and what the link is for. The kernel allows 15 bytes.
func (c Config) linkName(one, prefix, of string) string {
	if c.Name == DefaultName && one != "" {
		return one
	}
	sum := sha256.Sum256([]byte(of))
	return prefix + hex.EncodeToString(sum[:4])
}

// nodesCgroup is the cgroup of all further nodes.
func (c Config) nodesCgroup() string { return "/" + c.Name + "-nodes" }
