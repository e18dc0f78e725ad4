package cluster

import (
	"os"
	"testing"

	"github.com/proa-sh/proa/pkg/cluster/pki"
)

func TestDev(t *testing.T) {
	api := StartAPI(t)
	if err := api.Certificates.WriteKubeconfig("/tmp/devapi/kubeconfig", "dev", api.URL, pki.Admin); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat("/tmp/devapi/stop"); err == nil {
			return
		}
		<-t.Context().Done()
	}
}
