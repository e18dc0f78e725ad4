package cluster

import (
	"net/netip"
	"strings"
	"testing"
)

func example() Config {
	return Config{
		Name: DefaultName, DataDir: DefaultDataDir, RunDir: DefaultRunDir, BinDir: "/usr/lib/proa", APIPort: DefaultAPIPort,
		KubeletPort: DefaultKubeletPort, ProxyHealthPort: DefaultProxyHealthPort,
		NodeName: "node-1", NodeIP: netip.MustParseAddr("192.0.2.1"),
		PodCIDR: netip.MustParsePrefix("10.244.0.0/16"), ServiceCIDR: netip.MustParsePrefix("10.96.0.0/12"), DNSDomain: "cluster.local",
		NodeCIDR: netip.MustParsePrefix("10.243.0.0/24"),
	}
}

func TestClustersShareNothing(t *testing.T) {
	one, two := example(), example()
	two.UseDataDir("/srv/two")
	three := example()
	three.UseDataDir("/srv/three")
	for name, place := range map[string]func(Config) string{
		"control socket": Config.ControlSocket, "etcd socket": Config.EtcdSocket, "etcd": Config.EtcdDir, "run directory": func(c Config) string { return c.Node().RunDir },
		"containerd root": func(c Config) string { return c.Node().ContainerdRoot() }, "cgroup": func(c Config) string { return c.Node().CgroupRoot },
		"mark": func(c Config) string { return c.Node().Mark }, "bridge": Config.nodesBridge, "cgroup of nodes": Config.nodesCgroup, "ledger": Config.LedgerFile,
		"name": func(c Config) string { return c.Name },
	} {
		places := map[string]bool{place(one): true, place(two): true, place(three): true}
		if len(places) != 3 {
			t.Errorf("%s is shared: %v", name, places)
		}
	}
	if two.MergeKubeconfig {
		t.Error("a second cluster would go into the user's kubeconfig unasked")
	}
	again := example()
	again.UseDataDir("/srv/two")
	if again.RunDir != two.RunDir || again.Name != two.Name {
		t.Error("the same directory gives another cluster")
	}
}

func TestValidateGivesEveryFault(t *testing.T) {
	if err := example().Validate(); err != nil {
		t.Fatal(err)
	}
	bad := Config{DataDir: "relative", RunDir: "/run/../x", BinDir: "/", KubeletPort: 99, ProxyHealthPort: 99, PodCIDR: netip.MustParsePrefix("10.0.0.0/8"), ServiceCIDR: netip.MustParsePrefix("10.96.0.0/12"),
		NodeCIDR: netip.MustParsePrefix("10.1.0.0/30"), Programs: map[string]string{"etcd": "/x", "kubelet": "x"}}
	err := bad.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`data directory "relative"`, `run directory "/run/../x"`, `program directory "/"`, "API port 0 must be", "proxy health port 99 is the kubelet port too", "node name", "cluster name", "node address", "pod network 10.0.0.0/8 and service network 10.96.0.0/12 must not overlap",
		"pod network 10.0.0.0/8 and node network 10.1.0.0/30 must not overlap", "from 16 to 29 bits", `program "etcd": no part`, `program kubelet: path "x" must be absolute`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func TestAddressesOfTheServiceNetwork(t *testing.T) {
	cfg := example()
	if api, dns := cfg.KubernetesServiceIP().String(), cfg.DNSServiceIP().String(); api != "10.96.0.1" || dns != "10.96.0.10" {
		t.Errorf("API %s, DNS %s", api, dns)
	}
	if url := cfg.ServerURL(); url != "https://127.0.0.1:6443" {
		t.Errorf("server %s", url)
	}
}
