package cluster

import (
	"context"
	"net/netip"
	"os"
	"testing"

	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/controllermanager"
	"github.com/proa-sh/proa/pkg/controllers"
	"github.com/proa-sh/proa/pkg/scheduler"
)

// StartControlPlane starts all controllers and the scheduler beside an API server, on its informers. connect may change the
// connection of each, of which it is told whose it is; what it returns is used.
func StartControlPlane(t testing.TB, api *API, connect func(who string, c *rest.Config) *rest.Config) {
	t.Helper()
	settings := controllers.DefaultSettings()
	ca, err := os.ReadFile(api.Certificates.Cert(pki.CA))
	check(t, err)
	key, err := os.ReadFile(api.Certificates.Key(pki.CA))
	check(t, err)
	settings.RootCA, settings.AllocateNodeCIDRs = ca, true
	settings.ClusterCIDRs = []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}
	settings.ServiceCIDRs = []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")}
	settings.Signing = map[string]controllers.Authority{"kubernetes.io/kube-apiserver-client": {CertPEM: ca, KeyPEM: key}}
	manager, err := controllermanager.New(controllermanager.Config{
		Informers: api.Server.Informers(), Controllers: []string{"*"}, Settings: settings,
		ClientFor: func(account string) *rest.Config {
			return connect(account, api.Server.ClientConfig(&user.DefaultInfo{
				Name:   serviceaccount.MakeUsername("kube-system", account),
				Groups: append(serviceaccount.MakeGroupNames("kube-system"), user.AllAuthenticated),
			}))
		},
	})
	check(t, err)
	client, err := kubernetes.NewForConfig(connect("scheduler", api.Server.ClientConfig(&user.DefaultInfo{Name: user.KubeScheduler, Groups: []string{user.AllAuthenticated}})))
	check(t, err)
	s, err := scheduler.New(scheduler.Config{Informers: api.Server.Informers(), Client: client})
	check(t, err)
	informing, stop := context.WithCancel(context.Background())
	t.Cleanup(stop) // after those who use the informers have ended, and before the server, which waits for them
	api.Server.Informers().StartWithContext(informing)
	run(t, manager.Run)
	run(t, s.Run)
}
