package options

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"

	"github.com/proa-sh/proa/pkg/scheduler/config"
)

// parse parses a command line.
func parse(t *testing.T, args ...string) *Options {
	t.Helper()
	o, sets, all := NewOptions(), &cliflag.NamedFlagSets{}, pflag.NewFlagSet("", pflag.ContinueOnError)
	o.AddFlags(sets)
	for _, fs := range sets.FlagSets {
		all.AddFlagSet(fs)
	}
	if err := all.Parse(args); err != nil {
		t.Fatal(err)
	}
	return o
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	text = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n" + text
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfiguration(t *testing.T) {
	const leader = "leaderElection: {leaderElect: true, leaseDuration: 20s}\nclientConnection: {kubeconfig: from-file, qps: 7}"
	type values struct {
		Kubeconfig string
		QPS        float32
		Elect      bool
		Lease      time.Duration
	}
	tests := []struct {
		name string
		args []string
		want values
	}{
		{name: "defaults", want: values{QPS: 50, Elect: true, Lease: 15 * time.Second}},
		{
			name: "flags", args: []string{"--kubeconfig=k", "--kube-api-qps=9", "--leader-elect=false", "--leader-elect-lease-duration=30s"},
			want: values{Kubeconfig: "k", QPS: 9, Lease: 30 * time.Second},
		},
		{name: "file", args: []string{"--config=" + file(t, leader)}, want: values{Kubeconfig: "from-file", QPS: 7, Elect: true, Lease: 20 * time.Second}},
		{
			name: "flags beside a file", args: []string{"--config=" + file(t, leader), "--kubeconfig=ignored", "--leader-elect=false"},
			want: values{Kubeconfig: "from-file", QPS: 7, Lease: 20 * time.Second},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, err := parse(t, tt.args...).Configuration()
			if err != nil {
				t.Fatal(err)
			}
			l, c := cfg.LeaderElection, cfg.ClientConnection
			got := values{Kubeconfig: c.Kubeconfig, QPS: c.QPS, Elect: *l.LeaderElect, Lease: l.LeaseDuration.Duration}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{name: "defaults"},
		{name: "absent file", args: []string{"--config=/absent"}, want: []string{"read scheduler configuration"}},
		{
			name: "several faults", args: []string{"--config=" + file(t, "parallelism: 0"), "--pod-max-in-unschedulable-pods-duration=0s", "--leader-elect-renew-deadline=1h"},
			want: []string{"--pod-max-in-unschedulable-pods-duration", "parallelism", "leader-elect-lease-duration"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			faults := parse(t, tt.args...).Validate()
			if len(faults) != len(tt.want) {
				t.Fatalf("faults are %v, want %d", faults, len(tt.want))
			}
			for i, want := range tt.want {
				if !strings.Contains(faults[i].Error(), want) {
					t.Errorf("fault is %q, want one about %q", faults[i], want)
				}
			}
		})
	}
}

func TestWriteConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "written.yaml")
	if err := parse(t, "--write-config-to="+path, "--kube-api-burst=3").Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(int32(3), cfg.ClientConnection.Burst); diff != "" {
		t.Errorf("burst (-want +got):\n%s", diff)
	}
}

// TestFlags holds the flags against upstream's: none has a name that upstream has not.
func TestFlags(t *testing.T) {
	o, sets := NewOptions(), &cliflag.NamedFlagSets{}
	o.AddFlags(sets)
	var names []string
	for _, section := range []string{"misc", "deprecated", "leader election"} {
		sets.FlagSets[section].VisitAll(func(f *pflag.Flag) { names = append(names, f.Name+"="+f.DefValue) })
	}
	want := []string{
		"config=", "master=", "write-config-to=",
		"kube-api-burst=100", "kube-api-content-type=application/vnd.kubernetes.protobuf", "kube-api-qps=50", "kubeconfig=",
		"pod-max-in-unschedulable-pods-duration=5m0s",
		"leader-elect=true", "leader-elect-lease-duration=15s", "leader-elect-renew-deadline=10s",
		"leader-elect-resource-lock=leases", "leader-elect-resource-name=kube-scheduler", "leader-elect-resource-namespace=kube-system", "leader-elect-retry-period=2s",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
}
