package command

import (
	"strings"
	"testing"

	"github.com/proa-sh/proa/pkg/cluster"
)

func TestFlags(t *testing.T) {
	for _, test := range []struct {
		name  string
		flags flags
		want  string // part of the error; empty means none
	}{
		{name: "good", flags: flags{podCIDR: "10.1.2.3/16", serviceCIDR: "10.2.0.0/16"}},
		{name: "relative directory", flags: flags{dataDir: "data"}, want: `data directory "data" must be an absolute`},
		{name: "root", flags: flags{dataDir: "/"}, want: "not the root"},
		{name: "networks overlap", flags: flags{podCIDR: "10.96.0.0/16"}, want: "must not overlap"},
		{name: "bad network", flags: flags{podCIDR: "10.96.0.0"}, want: "read --pod-cidr"},
		{name: "bad name", flags: flags{nodeName: "A_b"}, want: `node name "A_b"`},
		{name: "bad handler", flags: flags{handlers: []string{"a_b"}}, want: `runtime handler "a_b"`},
		{name: "bad port", flags: flags{apiPort: 70000}, want: "API port 70000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := test.flags
			if f.dataDir == "" {
				f.dataDir = "/var/lib/other"
			}
			if f.apiPort == 0 {
				f.apiPort = 6443
			}
			f.nodeIP, f.kubeletPort, f.proxyPort = "192.0.2.1", 10250, 10256
			cfg, err := f.config()
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if cfg.PodCIDR.String() != "10.1.0.0/16" || cfg.KubernetesServiceIP().String() != "10.2.0.1" || cfg.DNSServiceIP().String() != "10.2.0.10" {
					t.Errorf("networks: %v %v %v", cfg.PodCIDR, cfg.KubernetesServiceIP(), cfg.DNSServiceIP())
				}
				if cfg.RunDir == cluster.DefaultRunDir || cfg.Name == cluster.DefaultName || cfg.MergeKubeconfig {
					t.Errorf("another directory shares the default cluster's names: %+v", cfg)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v does not say %q", err, test.want)
			}
		})
	}
}
