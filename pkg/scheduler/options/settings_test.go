package options

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	configv1 "k8s.io/kube-scheduler/config/v1"

	"github.com/proa-sh/proa/pkg/component/settingstest"
	"github.com/proa-sh/proa/pkg/scheduler/config"
)

// TestSaid is what a user reads who gives settings that are not heeded.
func TestSaid(t *testing.T) {
	const head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
	written, err := config.Marshal(config.New())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, file       string
		args             []string
		warnings, faults []string
	}{
		{name: "nothing"},
		{name: "all defaults, written out", file: string(written)},
		{
			name: "plugins", file: head + "profiles: [{pluginConfig: [{name: VolumeBinding, args: {bindTimeoutSeconds: 5}}]}]\n",
			warnings: []string{"profiles[0].pluginConfig[0].args: VolumeBindingArgs have no effect: the scheduler waits for claims that are bound, and does not bind them itself yet"},
		},
		{
			name: "versions", args: []string{"--emulated-version=1.35", "--min-compatibility-version=kube=1.36"},
			faults: []string{`--emulated-version: "1.35" cannot be honored: this is Kubernetes 1.36 and no other`},
		},
		{
			name: "lock", file: head + "leaderElection: {resourceLock: endpoints}\n",
			faults: []string{`leaderElection.resourceLock: "endpoints" cannot be honored: the lock is a Lease`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.file != "" {
				path := filepath.Join(t.TempDir(), "config.yaml")
				if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
					t.Fatal(err)
				}
				tt.args = append(tt.args, "--config="+path)
			}
			warnings, errs := settingstest.Said(t, "kube-scheduler", NewOptions(), tt.args...)
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

// TestSettings: no flag of upstream's, and no field of the configuration, is silently ignored.
func TestSettings(t *testing.T) {
	settingstest.Flags(t, "kube-scheduler", NewOptions())
	settingstest.Fields(t, configv1.KubeSchedulerConfiguration{}, fieldTable(), []string{"settings.go", "default.go"}, "..")
}
