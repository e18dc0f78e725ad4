package options

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/proa-sh/proa/pkg/proxy"
	"github.com/proa-sh/proa/pkg/proxy/conntrack"
	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
)

// parse gives the options of a command line.
func parse(t *testing.T, args ...string) *Options {
	t.Helper()
	o := NewOptions()
	sections := &cliflag.NamedFlagSets{}
	o.AddFlags(sections)
	flags := pflag.NewFlagSet("kube-proxy", pflag.ContinueOnError)
	for _, fs := range sections.FlagSets {
		flags.AddFlagSet(fs)
	}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return o
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const header = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"

func TestProxyConfig(t *testing.T) {
	base := func(change func(*proxy.Config)) proxy.Config {
		c := proxy.Config{
			NodeName: "n", DetectLocalMode: proxy.LocalModeClusterCIDR, HealthzBindAddress: "0.0.0.0:10256",
			Conntrack: conntrack.Settings{MaxPerCore: 32768, Min: 131072, TCPEstablished: 24 * time.Hour, TCPCloseWait: time.Hour},
		}
		change(&c)
		return c
	}
	for name, test := range map[string]struct {
		args []string
		file string
		want proxy.Config
	}{
		"defaults": {args: []string{"--hostname-override=N "}, want: base(func(*proxy.Config) {})},
		"flags": {
			args: []string{"--hostname-override=n", "--cluster-cidr=10.244.0.0/16,fd00::/48", "--bind-address=192.0.2.1", "--masquerade-all",
				"--nodeport-addresses=192.0.2.0/24,2001:db8::/64", "--healthz-bind-address=", "--conntrack-min=5"},
			want: base(func(c *proxy.Config) {
				c.ClusterCIDRs = []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00::/48")}
				c.NodeIPs = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
				c.NodePortAddresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/64")}
				c.MasqueradeAll, c.HealthzBindAddress, c.Conntrack.Min = true, "", 5
			}),
		},
		"file": {
			args: []string{"--cluster-cidr=10.0.0.0/8", "--hostname-override=n"},
			file: header + "hostnameOverride: other\nmode: nftables\ndetectLocalMode: BridgeInterface\ndetectLocal: {bridgeInterface: br0}\n" +
				"nodePortAddresses: [primary]\nnftables: {masqueradeAll: true, syncPeriod: 5m}\nconntrack: {maxPerCore: 0, udpTimeout: 10s}\n",
			want: base(func(c *proxy.Config) {
				c.DetectLocalMode, c.BridgeInterface = proxy.LocalModeBridgeInterface, "br0"
				c.MasqueradeAll, c.CheckPeriod = true, 5*time.Minute
				c.Conntrack.MaxPerCore, c.Conntrack.UDP = 0, 10*time.Second
			}),
		},
		"file as kubeadm writes it": {
			file: header + "hostnameOverride: \"n\"\nmode: \"\"\nbindAddress: 0.0.0.0\nclusterCIDR: 10.244.0.0/16\nnodePortAddresses: null\noomScoreAdj: null\n" +
				"healthzBindAddress: \"\"\nconntrack: {maxPerCore: null, min: null, tcpCloseWaitTimeout: null, tcpEstablishedTimeout: null}\n" +
				"iptables: {masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s, syncPeriod: 0s}\n",
			want: base(func(c *proxy.Config) {
				c.ClusterCIDRs, c.HealthzBindAddress = []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}, ""
			}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := parse(t, test.args...)
			if test.file != "" {
				o.ConfigFile = configFile(t, test.file)
			}
			if errs := o.Validate(); len(errs) > 0 {
				t.Fatal(errs)
			}
			effective, err := o.effective()
			if err != nil {
				t.Fatal(err)
			}
			got, err := ProxyConfig(effective)
			if err != nil {
				t.Fatal(err)
			}
			compare := cmp.Options{cmpopts.EquateEmpty(),
				cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
			if diff := cmp.Diff(test.want, got, compare); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		file string
		// want are parts of the messages, in order of the sorted messages.
		want []string
	}{
		"every fault": {
			args: []string{"--proxy-mode=iptables", "--bind-address=x", "--metrics-bind-address=y", "--detect-local-mode=Z",
				"--cluster-cidr=a,b", "--oom-score-adj=-2000", "--conntrack-min=-1", "--nodeport-addresses=primary,10.0.0.0/8"},
			want: []string{"bindAddress: Invalid", "clusterCIDR: Invalid", "conntrack.min: Invalid", "detectLocalMode: Unsupported",
				"metricsBindAddress: Invalid", "mode: Unsupported", "nodePortAddresses[0]: Invalid", "oomScoreAdj: Invalid"},
		},
		"bridge mode needs a bridge":       {args: []string{"--detect-local-mode=BridgeInterface"}, want: []string{"bridgeInterface: Required"}},
		"prefix mode needs a prefix":       {args: []string{"--detect-local-mode=InterfaceNamePrefix"}, want: []string{"interfaceNamePrefix: Required"}},
		"names go into rules":              {args: []string{"--pod-bridge-interface=a\"b"}, want: []string{"bridgeInterface: Invalid"}},
		"unknown field":                    {file: header + "nope: 1\n", want: []string{"nope"}},
		"other kind":                       {file: "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n", want: []string{"KubeletConfiguration"}},
		"mode of the file is looked at":    {file: header + "mode: ipvs\n", want: []string{"mode: Unsupported"}},
		"flags do not count beside a file": {args: []string{"--proxy-mode=ipvs"}, file: header},
	} {
		t.Run(name, func(t *testing.T) {
			o := parse(t, test.args...)
			if test.file != "" {
				o.ConfigFile = configFile(t, test.file)
			}
			var got []string
			for _, err := range o.Validate() {
				got = append(got, strings.TrimPrefix(err.Error(), "KubeProxyConfiguration."))
			}
			slices.Sort(got)
			if len(got) != len(test.want) {
				t.Fatalf("got %d faults %q, want %d", len(got), got, len(test.want))
			}
			for i, part := range test.want {
				if !strings.Contains(got[i], part) {
					t.Errorf("fault %d is %q, want one with %q", i, got[i], part)
				}
			}
		})
	}
}

func TestWriteConfigTo(t *testing.T) {
	o := NewOptions()
	o.WriteConfigTo = filepath.Join(t.TempDir(), "defaults.yaml")
	if err := o.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	read := &Options{ConfigFile: o.WriteConfigTo}
	if errs := read.Validate(); len(errs) > 0 {
		t.Errorf("written defaults do not validate: %v", errs)
	}
}
