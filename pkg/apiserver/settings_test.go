package apiserver

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proa-sh/proa/pkg/component/settingstest"
)

// TestSettings: no flag of upstream's is silently ignored.
func TestSettings(t *testing.T) {
	settingstest.Flags(t, "kube-apiserver", NewCommand())
}

// TestFeatureGates: gates that the libraries know go to them, the others are known too.
func TestFeatureGates(t *testing.T) {
	warnings, faults := settingstest.Said(t, "kube-apiserver", NewCommand(),
		"--feature-gates=APIResponseCompression=true,kube:MutablePodResourcesForSuspendedJobs=false", "--feature-gates=NoSuchGate=true")
	want := []string{"feature gate MutablePodResourcesForSuspendedJobs=false: has no effect: the feature is always on here, its default in 1.36"}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if len(faults) != 1 || faults[0].Error() != "unrecognized feature gate: NoSuchGate" {
		t.Errorf("faults are %v", faults)
	}
}
