package options

import (
	"testing"

	"k8s.io/kube-proxy/config/v1alpha1"

	"github.com/proa-sh/proa/pkg/component/settingstest"
)

// TestSettings: no flag of upstream's, and no field of the configuration, is silently ignored.
func TestSettings(t *testing.T) {
	settingstest.Flags(t, "kube-proxy", NewOptions())
	settingstest.Fields(t, v1alpha1.KubeProxyConfiguration{}, fieldTable(), []string{"settings.go"}, "..")
}
