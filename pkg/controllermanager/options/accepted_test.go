package options

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proa-sh/proa/pkg/component/settingstest"
)

// TestFlagsAccepted: no flag of upstream's is silently ignored.
func TestFlagsAccepted(t *testing.T) {
	settingstest.Flags(t, "kube-controller-manager", NewOptions())
}

// TestSaid is what a user reads who gives flags that are not heeded; what kubeadm gives brings none.
func TestSaid(t *testing.T) {
	kubeadm := []string{
		"--allocate-node-cidrs=true", "--authentication-kubeconfig=k", "--authorization-kubeconfig=k", "--bind-address=127.0.0.1",
		"--client-ca-file=c", "--cluster-cidr=10.244.0.0/16", "--cluster-name=kubernetes", "--cluster-signing-cert-file=c",
		"--cluster-signing-key-file=k", "--controllers=*,bootstrapsigner,tokencleaner", "--kubeconfig=k", "--leader-elect=true",
		"--requestheader-client-ca-file=c", "--root-ca-file=c", "--service-account-private-key-file=k",
		"--service-cluster-ip-range=10.96.0.0/12", "--use-service-account-credentials=true",
	}
	for _, tt := range []struct {
		name             string
		args             []string
		warnings, faults []string
	}{
		{name: "nothing"},
		{name: "kubeadm", args: kubeadm},
		{name: "usual values", args: []string{"--cloud-provider=external", "--enable-garbage-collector", "--enable-dynamic-provisioning=true"}},
		{
			name: "others", args: []string{"--cloud-provider=aws", "--enable-garbage-collector=false", "--namespace-sync-period=5m"},
			warnings: []string{`--namespace-sync-period: has no effect: controllers are woken by events, and look at everything only when they start`},
			faults: []string{
				`--cloud-provider: "aws" cannot be honored: the controllers of clouds are programs of their own (cloud-controller-manager)`,
				`--enable-garbage-collector: "false" cannot be honored: leave it out by --controllers=*,-garbage-collector-controller`,
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			warnings, errs := settingstest.Said(t, "kube-controller-manager", NewOptions(), tt.args...)
			var faults []string
			for _, err := range errs {
				faults = append(faults, err.Error())
			}
			if diff := cmp.Diff([][]string{tt.warnings, tt.faults}, [][]string{warnings, faults}); diff != "" {
				t.Errorf("warnings and faults (-want +got):\n%s", diff)
			}
		})
	}
}
