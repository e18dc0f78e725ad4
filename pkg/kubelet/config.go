package kubelet

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"

	"github.com/proa-sh/proa/pkg/kubelet/runtime"
	"github.com/proa-sh/proa/pkg/kubelet/server"
	"github.com/proa-sh/proa/pkg/kubelet/worker"
)

// Config is what a kubelet is made of.
type Config struct {
	NodeName string
	// Hostname is the value of the label kubernetes.io/hostname; NodeName when empty.
	Hostname string
	// Client acts as the node.
	Client kubernetes.Interface
	// Informers give pods, services, nodes and runtime classes, and with WatchObjects false secrets and config maps. The
	// pods informer may hold all pods or only the node's.
	Informers informers.SharedInformerFactory
	// WatchObjects makes one watch for each secret and config map that a pod names, which is all that the node authorizer
	// allows a lone kubelet.
	WatchObjects bool
	// Kubelet is the configuration with defaults applied.
	Kubelet *kubeletconfig.KubeletConfiguration
	// Root is the kubelet's directory, /var/lib/kubelet.
	Root string
	// ContainerLogs holds flat links to logs, /var/log/containers; empty makes none.
	ContainerLogs string
	// Static gives the static pods: it calls back with all of them, at once and whenever they have changed, until ctx ends.
	// Nil for none.
	Static func(ctx context.Context, changed func([]*v1.Pod)) error
	// DockerConfigs are files with registry credentials beside <Root>/config.json.
	DockerConfigs []string
	// NodeIPs are the node's addresses; without any the address of the default route is used.
	NodeIPs []net.IP
	// NodeLabels are given to a Node that is made anew.
	NodeLabels map[string]string
	// API serves the kubelet's own API; nil serves none. Listener, TLS, Authenticator and Authorizer are the caller's, the
	// rest is filled in here.
	API *server.Config
	// ConnectTimeout bounds one attempt to reach the container runtime; it is tried until ctx ends.
	ConnectTimeout time.Duration
}

func (c *Config) check() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("a kubelet needs "+what))
		}
	}
	need(c.NodeName != "", "NodeName")
	need(c.Client != nil, "Client")
	need(c.Informers != nil, "Informers")
	need(c.Kubelet != nil, "Kubelet (its configuration)")
	need(c.Kubelet == nil || c.Kubelet.ContainerRuntimeEndpoint != "", "Kubelet.ContainerRuntimeEndpoint")
	if c.Root == "" {
		c.Root = "/var/lib/kubelet"
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 2 * time.Second
	}
	return errors.Join(errs...)
}

func (c *Config) nodeCredentials() []string {
	return append([]string{filepath.Join(c.Root, "config.json")}, c.DockerConfigs...)
}

func (c *Config) hostname() string {
	if c.Hostname != "" {
		return c.Hostname
	}
	return c.NodeName
}

func (c *Config) paths() runtime.Paths {
	return runtime.Paths{Root: c.Root, PodLogs: c.Kubelet.PodLogsDir, ContainerLogs: c.ContainerLogs}
}

// maxPulls bounds the images that are pulled at a time; 0 for no bound.
func (c *Config) maxPulls() int {
	if value(c.Kubelet.SerializeImagePulls, true) {
		return 1
	}
	return int(value(c.Kubelet.MaxParallelImagePulls, 0))
}

// runtimeTimeout bounds CRI calls that have no time of their own.
func (c *Config) runtimeTimeout() time.Duration {
	if d := c.Kubelet.RuntimeRequestTimeout.Duration; d > 0 {
		return d
	}
	return 2 * time.Minute
}

func (c *Config) crashMax() time.Duration {
	if d := c.Kubelet.CrashLoopBackOff.MaxContainerRestartPeriod; d != nil && d.Duration > 0 {
		return d.Duration
	}
	return worker.CrashMax
}

func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// hostIPs are the addresses that pods report as their node's.
func hostIPs(addresses []v1.NodeAddress) []string {
	var ips []string
	for _, a := range addresses {
		if a.Type == v1.NodeInternalIP {
			ips = append(ips, a.Address)
		}
	}
	return ips
}
