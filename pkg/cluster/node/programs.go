package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kube-proxy/config/v1alpha1"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"

	"github.com/proa-sh/proa/pkg/cluster/ledger"
	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/cluster/program"
	"github.com/proa-sh/proa/pkg/cluster/steps"
	"github.com/proa-sh/proa/pkg/proxy"
	proxyoptions "github.com/proa-sh/proa/pkg/proxy/options"
)

// The programs that can stand in place of parts of a node: ours, or their namesakes. They get the flags and files that an
// installer gives them.
const (
	KubeletProgram = "kubelet"
	ProxyProgram   = "kube-proxy"
)

// foreignTable is what the namesake of our service proxy calls its nftables tables.
const foreignTable = "kube-proxy"

// kubeletHome is where kubelets on their own have the sockets of device plugins, whatever they are told; they also use
// containerLogs.
const kubeletHome = "/var/lib/kubelet"

// Places are directories of the node by the fixed places at which some of its programs look for them.
func (c Config) Places() map[string]string {
	places := map[string]string{CNICache: c.CNICacheDir()}
	if c.Programs[KubeletProgram] != "" {
		places[containerLogs], places[kubeletHome] = c.LogLinksDir(), c.KubeletDir()
	}
	return places
}

// MakePlaces makes the fixed places on the machine, and the settings of the whole machine that kubelets on their own make, all of
// which are written to the ledger before. It must be called before a node starts.
func (c Config) MakePlaces(l *ledger.Ledger) error {
	err := errors.Join(l.SharedDir(CNICache), l.SharedDir(filepath.Dir(c.cniResults())), l.Files(c.cniResults()))
	if err != nil {
		return err
	}
	for place := range c.Places() {
		if place != CNICache {
			err = l.Dir(place)
		}
		if err != nil {
			return err
		}
		if err := os.MkdirAll(place, 0o755); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	if c.Programs[KubeletProgram] == "" {
		return nil
	}
	var faults []error
	for name, value := range map[string]string{
		"vm/overcommit_memory": "1", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	} {
		faults = append(faults, l.SetSysctl(name, value))
	}
	return errors.Join(faults...)
}

// ProgramLog is where a program that stands in place of a part writes.
func (c Config) ProgramLog(name string) string { return filepath.Join(c.LogDir(), name+".log") }

func (n *Node) runProgram(ctx context.Context, task *steps.Task, step, name string, args []string) error {
	c := n.Config
	return n.Service.RunProgram(ctx, task, step, program.Config{Path: c.Programs[name], Args: args, LogFile: c.ProgramLog(name), Mark: c.Mark})
}

func (n *Node) runKubelet(ctx context.Context, task *steps.Task) error {
	c := n.ofKubelet()
	file := filepath.Join(c.RunDir, "kubelet.yaml")
	if err := writeYAML(file, c.kubeletFile()); err != nil {
		return err
	}
	return n.runProgram(ctx, task, StepKubelet, KubeletProgram, []string{
		"--config=" + file, "--kubeconfig=" + c.Kubeconfig(pki.Kubelet), "--hostname-override=" + c.Name, "--node-ip=" + c.IP.String(),
		"--root-dir=" + c.KubeletDir(), "--cert-dir=" + filepath.Join(c.KubeletDir(), "pki"),
	})
}

// kubeletFile is the configuration of a kubelet on its own.
func (c Config) kubeletFile() *kubeletconfig.KubeletConfiguration {
	k, own, yes, no := c.kubeletConfiguration(), pki.At(c.PKIDir()), true, false
	k.TypeMeta = metav1.TypeMeta{APIVersion: kubeletconfig.SchemeGroupVersion.String(), Kind: "KubeletConfiguration"}
	k.Authentication.X509.ClientCAFile = own.Cert(pki.CA)
	k.Authentication.Anonymous.Enabled, k.Authentication.Webhook.Enabled = &no, &yes
	k.Authorization.Mode = kubeletconfig.KubeletAuthorizationModeWebhook
	k.TLSCertFile, k.TLSPrivateKeyFile = own.Cert(pki.KubeletServer), own.Key(pki.KubeletServer)
	// Tables and directories that nobody here needs, and the ledger would have to know.
	k.MakeIPTablesUtilChains = &no
	k.VolumePluginDir = filepath.Join(c.KubeletDir(), "volume-plugins")
	return k
}

func (n *Node) runProxy(ctx context.Context, task *steps.Task) error {
	for _, family := range []string{"ip", "ip6"} {
		// Which of them it is, it does not say, nor can it be told another name.
		for _, table := range []string{proxy.TableName, foreignTable} {
			if err := n.Ledger.NewNftTable(family, table); err != nil {
				return err
			}
		}
	}
	file := filepath.Join(n.Config.RunDir, "kube-proxy.yaml")
	if err := writeYAML(file, n.Config.proxyFile()); err != nil {
		return err
	}
	return n.runProgram(ctx, task, StepProxy, ProxyProgram, []string{"--config=" + file})
}

// proxyFile is the configuration of a service proxy on its own. What connection tracking is set to is left as it is.
func (c Config) proxyFile() *v1alpha1.KubeProxyConfiguration {
	p, none := proxyoptions.NewOptions().Config, int32(0)
	p.ClientConnection.Kubeconfig = c.Kubeconfig(pki.Proxy)
	p.HostnameOverride = c.Name
	p.ClusterCIDR = c.PodCIDR.String()
	p.HealthzBindAddress = net.JoinHostPort(netip.IPv4Unspecified().String(), strconv.Itoa(c.ProxyHealthPort))
	p.Conntrack = v1alpha1.KubeProxyConntrackConfiguration{
		MaxPerCore: &none, Min: &none, TCPEstablishedTimeout: &metav1.Duration{}, TCPCloseWaitTimeout: &metav1.Duration{},
	}
	return &p
}

func writeYAML(path string, object any) error {
	content, err := yaml.Marshal(object)
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write configuration %s: %w", filepath.Base(path), err)
	}
	return nil
}
