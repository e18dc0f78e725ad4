package options

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	cliflag "k8s.io/component-base/cli/flag"
)

// parse reads arguments as the binary does; a configuration file is written if there is text for it.
func parse(t *testing.T, file string, args ...string) *Options {
	t.Helper()
	o := NewOptions()
	var sets cliflag.NamedFlagSets
	o.AddFlags(&sets)
	if file != "" {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config="+path)
	}
	all := sets.FlagSet("kubelet")
	all.AddFlagSet(sets.FlagSet("configuration"))
	if err := all.Parse(args); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestDefaults(t *testing.T) {
	c := Default()
	got := map[string]any{
		"port": c.Port, "maxPods": c.MaxPods, "lease": c.NodeLeaseDurationSeconds, "update": c.NodeStatusUpdateFrequency.Duration,
		"report": c.NodeStatusReportFrequency.Duration, "hard memory": c.EvictionHard["memory.available"], "serial": *c.SerializeImagePulls,
		"cgroup v1": *c.FailCgroupV1, "authorization": string(c.Authorization.Mode), "anonymous": *c.Authentication.Anonymous.Enabled,
	}
	want := map[string]any{
		"port": int32(10250), "maxPods": int32(110), "lease": int32(40), "update": 10 * time.Second,
		"report": 5 * time.Minute, "hard memory": "100Mi", "serial": true,
		"cgroup v1": true, "authorization": "Webhook", "anonymous": false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if errs := validateConfig(c); len(errs) > 0 {
		t.Errorf("the defaults are not valid: %v", errs)
	}
}

func TestPrecedence(t *testing.T) {
	const file = `
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
maxPods: 50
clusterDNS: [10.0.0.1]
kubeReserved: {cpu: 100m}
authorization: {mode: AlwaysAllow}
containerLogMaxSize: 5Mi
`
	o := parse(t, file, "--kubeconfig=x", "--max-pods=7", "--cluster-dns=10.0.0.2,10.0.0.3", "--system-reserved=memory=1Gi",
		"--cpu-cfs-quota-period=50ms", "--hostname-override=Node1")
	if errs := o.Validate(); len(errs) > 0 {
		t.Fatalf("faults: %v", errs)
	}
	name, err := o.nodeName()
	if err != nil {
		t.Fatal(err)
	}
	c := o.Kubelet
	got := []any{c.MaxPods, c.ClusterDNS, c.KubeReserved, c.SystemReserved, string(c.Authorization.Mode), c.ContainerLogMaxSize, c.CPUCFSQuotaPeriod.Duration, c.Port, name}
	want := []any{
		int32(7), []string{"10.0.0.2", "10.0.0.3"}, map[string]string{"cpu": "100m"}, map[string]string{"memory": "1Gi"},
		"AlwaysAllow", "5Mi", 50 * time.Millisecond, int32(10250), "node1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestFaults(t *testing.T) {
	const head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
	for _, tc := range []struct {
		name, file string
		args       []string
		want       []string
	}{
		{"all at once", "", []string{"--node-ip=x", "--cluster-dns=y", "--container-log-max-files=1"},
			[]string{"--kubeconfig", "--node-ip", "clusterDNS", "containerLogMaxFiles"}},
		{"eviction", "", []string{"--kubeconfig=x", "--eviction-hard=memory.availble<1Gi", "--eviction-soft=nodefs.available<20%"},
			[]string{"evictionHard: unknown eviction signal", "evictionSoft: nodefs.available needs a period"}},
		{"unknown field", head + "maxPod: 3\n", []string{"--kubeconfig=x"}, []string{"maxPod"}},
		{"another kind", "apiVersion: v1\nkind: Pod\n", []string{"--kubeconfig=x"}, []string{"KubeletConfiguration"}},
		{"what is not implemented", head + "staticPodURL: http://x\ncgroupDriver: systemd\n", []string{"--kubeconfig=x"}, []string{"staticPodURL", "cgroupDriver"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var text []string
			for _, err := range parse(t, tc.file, tc.args...).Validate() {
				text = append(text, err.Error())
			}
			all := strings.Join(text, "\n")
			for _, want := range tc.want {
				if !strings.Contains(all, want) {
					t.Errorf("faults do not name %s:\n%s", want, all)
				}
			}
			if len(text) != len(tc.want) && tc.name != "unknown field" && tc.name != "another kind" {
				t.Errorf("%d faults, want %d:\n%s", len(text), len(tc.want), all)
			}
		})
	}
}
