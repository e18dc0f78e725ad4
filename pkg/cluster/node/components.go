package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"

	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/cluster/steps"
	"github.com/proa-sh/proa/pkg/kubelet"
	kubeletoptions "github.com/proa-sh/proa/pkg/kubelet/options"
	"github.com/proa-sh/proa/pkg/kubelet/resources"
	"github.com/proa-sh/proa/pkg/kubelet/server"
	"github.com/proa-sh/proa/pkg/network"
	"github.com/proa-sh/proa/pkg/proxy"
)

// part is a part of Kubernetes.
type part interface {
	Run(context.Context) error
	Healthy() error
}

// run starts the informers that a component has asked for, and then the component.
func (n *Node) run(task *steps.Task, step string, c part) {
	n.API.Start()
	n.Service.Check(step, func(context.Context) error { return c.Healthy() })
	task.Go(c.Run)
}

func (n *Node) startProxy(ctx context.Context, task *steps.Task) error {
	c := n.Config
	if c.Programs[ProxyProgram] != "" {
		return n.runProxy(ctx, task)
	}
	for _, family := range []string{"ip", "ip6"} {
		if err := n.Ledger.NftTable(family, c.ProxyTable()); err != nil {
			return err
		}
	}
	made, err := proxy.New(proxy.Config{
		Informers: n.API.Informers, NodeName: c.Name, NodeIPs: []netip.Addr{c.IP}, TableName: c.ProxyTable(),
		DetectLocalMode: proxy.LocalModeClusterCIDR, ClusterCIDRs: []netip.Prefix{c.PodCIDR},
		HealthzBindAddress: net.JoinHostPort("0.0.0.0", strconv.Itoa(c.ProxyHealthPort)),
	})
	if err != nil {
		return err
	}
	n.run(task, StepProxy, made)
	return nil
}

func (n *Node) startNetwork(_ context.Context, task *steps.Task) error {
	c := n.Config
	made, err := network.New(network.Config{
		Informers: n.API.Informers, NodeName: c.Name, Ledger: n.Ledger, ConfDir: c.CNIConfDir(), IPAMDir: c.CNIDataDir(),
		BridgeName: c.Bridge, TableName: c.NetworkTable(), NetworkName: c.Cluster, ClusterCIDRs: []netip.Prefix{c.PodCIDR},
	})
	if err != nil {
		return err
	}
	n.run(task, StepNetwork, made)
	return nil
}

func (n *Node) startKubelet(ctx context.Context, task *steps.Task) error {
	c := n.ofKubelet()
	if err := makeCgroupRoot(c.CgroupRoot); err != nil {
		return err
	}
	if c.Programs[KubeletProgram] != "" {
		return n.runKubelet(ctx, task)
	}
	api, err := n.kubeletAPI()
	if err != nil {
		return err
	}
	k, err := kubelet.New(kubelet.Config{
		NodeName: c.Name, Client: n.API.Client, Informers: n.API.Informers, WatchObjects: n.API.WatchObjects,
		Kubelet: c.kubeletConfiguration(), ContainerLogs: c.logLinks(), Root: c.KubeletDir(), NodeIPs: []net.IP{c.IP.AsSlice()}, API: api,
	})
	if err != nil {
		return err
	}
	n.run(task, StepKubelet, k)
	return nil
}

// kubeletConfiguration is what differs from the defaults.
func (c Config) kubeletConfiguration() *kubeletconfig.KubeletConfiguration {
	k := kubeletoptions.Default()
	k.Port = int32(c.KubeletPort)
	k.ContainerRuntimeEndpoint = c.Containerd(false).Endpoint()
	k.ClusterDNS = []string{c.DNSServiceIP.String()}
	k.ClusterDomain = c.DNSDomain
	k.PodLogsDir = c.PodLogsDir()
	if c.HostLogs {
		k.PodLogsDir = podLogs // to which the links of containerLogs lead, also for collectors that see /var/log alone
	}
	if file, _, _, err := ResolvConf(); err == nil { // else the kubelet tells what is wrong with the usual one
		k.ResolverConfig = &file
	}
	k.CgroupRoot = c.CgroupRoot
	// A part of the disk says little on a machine that has other uses too; pods go when it is really full.
	k.EvictionHard = map[string]string{"memory.available": "100Mi", "nodefs.available": "1Gi", "imagefs.available": "1Gi"}
	if reserved := reservedMemory(); reserved > 0 {
		k.KubeReserved = map[string]string{"memory": strconv.FormatUint(reserved, 10)}
	}
	// Version 1 is what many machines still have, and all that the kubelet needs of it works.
	k.FailCgroupV1 = new(bool)
	return k
}

// logLinks is where the kubelet makes flat links to logs; empty makes none.
func (c Config) logLinks() string {
	if c.HostLogs {
		return containerLogs
	}
	return ""
}

// maxReserved bounds what pods may not have of the memory, in bytes: what a cluster of one node takes, and half as much again.
const maxReserved = 512 << 20

// reservedMemory is what pods may not have of the machine's memory, in bytes: a tenth, and no more than the cluster needs. It is 0
// if the size of the memory cannot be found out, which the kubelet then tells.
func reservedMemory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return min(info.Totalram*uint64(info.Unit)/10, maxReserved)
}

// makeCgroupRoot makes the cgroup of a node, of which the ledger knows. Some kubelets want it in every hierarchy.
func makeCgroupRoot(path string) error {
	cgroups, err := resources.Detect()
	if err != nil {
		return err
	}
	for _, mount := range cgroups.Others {
		if err := os.MkdirAll(filepath.Join(mount, path), 0o755); err != nil {
			return fmt.Errorf("make cgroup: %w", err)
		}
	}
	return resources.MakeRoot(cgroups, path)
}

// kubeletAPI listens for the kubelet.
func (n *Node) kubeletAPI() (*server.Config, error) {
	own := pki.At(n.Config.PKIDir())
	certificate, err := own.Serving(pki.KubeletServer)
	if err != nil {
		return nil, fmt.Errorf("serve kubelet API: %w", err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(n.Config.KubeletPort)))
	if err != nil {
		return nil, fmt.Errorf("serve kubelet API: %w", err)
	}
	return &server.Config{
		Listener: listener,
		// Certificates are verified by the authenticator.
		TLS:           &tls.Config{GetCertificate: certificate, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12},
		Authenticator: n.API.Authenticator, Authorizer: n.API.Authorizer,
		Streaming: true,
	}, nil
}
