package options

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
)

// parse makes options of a command line.
func parse(t *testing.T, arguments ...string) *Options {
	t.Helper()
	o := NewOptions()
	if err := flagsOf(o).Parse(arguments); err != nil {
		t.Fatal(err)
	}
	return o
}

func flagsOf(o *Options) *pflag.FlagSet {
	sets := &cliflag.NamedFlagSets{}
	o.AddFlags(sets)
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		all.AddFlagSet(set)
	}
	return all
}

// Each flag is one of upstream's.
func TestFlags(t *testing.T) {
	reference, err := os.ReadFile("testdata/upstream-flags.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for flag := range strings.FieldsSeq(string(reference)) {
		known[flag] = true
	}
	flagsOf(NewOptions()).VisitAll(func(flag *pflag.Flag) {
		if !known[flag.Name] {
			t.Errorf("flag --%s is not one of upstream's", flag.Name)
		}
	})
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name      string
		arguments string
		want      []string
	}{
		{"defaults", "", nil},
		{"no range", "--allocate-node-cidrs", []string{"--allocate-node-cidrs needs --cluster-cidr"}},
		{"two of a family", "--cluster-cidr=10.0.0.0/8,11.0.0.0/8", []string{`--cluster-cidr "10.0.0.0/8,11.0.0.0/8": at most one range of each address family is possible`}},
		{"no workers", "--concurrent-job-syncs=0", []string{"--concurrent-job-syncs must be at least 1"}},
		{"slices without room", "--max-endpoints-per-slice=0", []string{"--max-endpoints-per-slice must be between 1 and 1000"}},
		{"slices that are too large", "--max-endpoints-per-slice=1001", []string{"--max-endpoints-per-slice must be between 1 and 1000"}},
		{"certificate without key", "--cluster-signing-cert-file=a", []string{`certificate file "a" and key file "" of --cluster-signing must be given together`}},
		{
			"two faults", "--allocate-node-cidrs --concurrent-job-syncs=0",
			[]string{"--allocate-node-cidrs needs --cluster-cidr", "--concurrent-job-syncs must be at least 1"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, err := range parse(t, strings.Fields(test.arguments)...).Validate() {
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ca", "key", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := parse(t, "--root-ca-file="+dir+"/ca", "--cluster-signing-kubelet-client-cert-file="+dir+"/other", "--cluster-signing-kubelet-client-key-file="+dir+"/key",
		"--cluster-cidr=10.0.0.0/8,fd00::/48", "--node-cidr-mask-size-ipv4=25", "--node-monitor-grace-period=7s", "--concurrent-gc-syncs=3", "--service-account-private-key-file="+dir+"/key").Settings()
	if err != nil {
		t.Fatal(err)
	}
	if string(s.RootCA) != "ca" || string(s.ServiceAccountKey) != "key" || len(s.ClusterCIDRs) != 2 || s.NodeCIDRMaskSizeIPv4 != 25 || s.NodeCIDRMaskSizeIPv6 != 64 || s.Node.MonitorGrace != 7*time.Second || s.Workers["garbage-collector-controller"] != 3 {
		t.Errorf("settings %+v", s)
	}
	if got := s.Signing["kubernetes.io/kube-apiserver-client-kubelet"]; len(s.Signing) != 1 || string(got.CertPEM) != "other" || string(got.KeyPEM) != "key" {
		t.Errorf("authorities %v", s.Signing)
	}
}
