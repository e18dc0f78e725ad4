package node

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	kubelet "github.com/proa-sh/proa/pkg/kubelet/options"
	proxy "github.com/proa-sh/proa/pkg/proxy/options"
)

func example() Config {
	return Config{
		Name: "node-2", IP: netip.MustParseAddr("10.243.0.2"), DataDir: "/data/node-2", RunDir: "/run/node-2", BinDir: "/bin", CertsDir: "/certs.d",
		Cluster: "proa", Mark: "m", CgroupRoot: "/c/node-2", Bridge: "b", KubeletPort: 10250, ProxyHealthPort: 10256, PodCIDR: netip.MustParsePrefix("10.244.0.0/16"),
		DNSServiceIP: netip.MustParseAddr("10.96.0.10"), DNSDomain: "cluster.local", Programs: map[string]string{KubeletProgram: "/k"},
	}
}

func TestAnotherProcessReadsTheSame(t *testing.T) {
	content, err := json.Marshal(example())
	if err != nil {
		t.Fatal(err)
	}
	var got Config
	if err := json.Unmarshal(content, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
		t.Error(diff)
	}
}

func TestPlaces(t *testing.T) {
	c := example()
	for _, place := range []string{c.ContainerdRoot(), c.KubeletDir(), c.CNIConfDir(), c.CNIDataDir(), c.PKIDir(), c.Kubeconfig("kubelet"), c.AgentLog(), c.PodLogsDir()} {
		if !strings.HasPrefix(place, c.DataDir+"/") {
			t.Errorf("%s is not in the node's data directory", place)
		}
	}
	for _, place := range []string{c.ControlSocket(), c.Images().Socket, c.Containerd(true).ShimSocketDir()} {
		if !strings.HasPrefix(place, c.RunDir+"/") {
			t.Errorf("%s does not end with the node", place)
		}
	}
	for name, want := range map[string]bool{
		"proa-" + strings.Repeat("0a", 32) + "-eth0": true, "proa-0123abcd-" + strings.Repeat("0a", 32) + "-eth0": false, "podman-x-eth0": false,
	} {
		if got, err := filepath.Match(c.cniResults(), filepath.Join(CNICache, "results", name)); err != nil || got != want {
			t.Errorf("%s is ours: %v, %v", name, got, err)
		}
	}
}

// TestFilesOfPrograms: a program reads from its file what the part in the process is told.
func TestFilesOfPrograms(t *testing.T) {
	c := example()
	file := filepath.Join(t.TempDir(), "kubelet.yaml")
	if err := writeYAML(file, c.kubeletFile()); err != nil {
		t.Fatal(err)
	}
	k, err := kubelet.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o := kubelet.NewOptions()
	o.ConfigFile, o.Kubeconfig, o.HostnameOverride, o.NodeIP = file, "/conf", c.Name, c.IP.String()
	if faults := o.Validate(); len(faults) > 0 {
		t.Errorf("kubelet: %v", faults)
	}
	own := c.kubeletConfiguration()
	for what, pair := range map[string][2]any{
		"eviction": {own.EvictionHard, k.EvictionHard}, "cgroup": {own.CgroupRoot, k.CgroupRoot}, "runtime": {own.ContainerRuntimeEndpoint, k.ContainerRuntimeEndpoint},
		"DNS": {own.ClusterDNS, k.ClusterDNS}, "logs": {own.PodLogsDir, k.PodLogsDir}, "port": {own.Port, k.Port},
		"certificate": {c.PKIDir() + "/kubelet-server.crt", k.TLSCertFile}, "clients": {c.PKIDir() + "/ca.crt", k.Authentication.X509.ClientCAFile},
	} {
		if !cmp.Equal(pair[0], pair[1]) {
			t.Errorf("%s of the kubelet: %v in the process, %v for the program", what, pair[0], pair[1])
		}
	}
	if err := writeYAML(file, c.proxyFile()); err != nil {
		t.Fatal(err)
	}
	p := proxy.NewOptions()
	p.ConfigFile = file
	if faults := p.Validate(); len(faults) > 0 {
		t.Errorf("proxy: %v", faults)
	}
}
