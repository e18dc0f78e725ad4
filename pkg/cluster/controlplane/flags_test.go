package controlplane

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"

	"github.com/proa-sh/proa/pkg/apiserver/options"
	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/component"
	controllers "github.com/proa-sh/proa/pkg/controllermanager/options"
	scheduler "github.com/proa-sh/proa/pkg/scheduler/options"
)

func example() Config {
	return Config{
		Certificates: pki.At("/pki"), Etcd: "unix:///run/etcd.sock", Address: net.IPv4(192, 0, 2, 1), BindAddress: net.IPv4zero, Port: 7443,
		ServiceRange: "10.96.0.0/12", Domain: "cluster.local",
	}
}

func TestOptions(t *testing.T) {
	o, err := Options(example())
	if err != nil {
		t.Fatal(err)
	}
	a := o.Authentication
	got := []any{
		o.Etcd.StorageConfig.Transport.ServerList, o.Serving.BindAddress.String(), o.Serving.BindPort, o.Serving.ServerCert.CertKey.KeyFile,
		o.Run.AdvertiseAddress.String(), a.ClientCAFile, a.BootstrapTokens, a.RequestHeader.AllowedNames, a.ServiceAccounts.Issuers,
		o.Authorization.Modes, o.Admission.EnablePlugins, o.AllowPrivileged, o.ServiceClusterIPRange, o.Kubelet.PreferredAddressTypes,
	}
	want := []any{
		[]string{"unix:///run/etcd.sock"}, "0.0.0.0", 7443, "/pki/apiserver.key",
		"192.0.2.1", "/pki/ca.crt", true, []string{"front-proxy-client"}, []string{"https://kubernetes.default.svc.cluster.local"},
		[]string{options.ModeNode, options.ModeRBAC}, []string{"NodeRestriction"}, true, []string{"10.96.0.0/12"}, []string{"InternalIP", "Hostname", "ExternalIP"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFlagsAreKnown: our own programs take the flags. That their namesakes do is seen when they run.
func TestFlagsAreKnown(t *testing.T) {
	for name, test := range map[string]struct {
		options component.Options
		flags   []string
	}{
		"controller manager": {controllers.NewOptions(), ControllerManagerFlags(example(), "/conf", "10.244.0.0/16")},
		"scheduler":          {scheduler.NewOptions(), SchedulerFlags("/conf")},
	} {
		sets, all := &cliflag.NamedFlagSets{}, pflag.NewFlagSet("", pflag.ContinueOnError)
		test.options.AddFlags(sets)
		for _, set := range sets.FlagSets {
			all.AddFlagSet(set)
		}
		if err := all.Parse(test.flags); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if faults := test.options.Validate(); len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
		}
	}
}
