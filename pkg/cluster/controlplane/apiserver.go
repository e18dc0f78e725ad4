package controlplane

import (
	"net"
	"time"

	"github.com/proa-sh/proa/pkg/apiserver/admission"
	"github.com/proa-sh/proa/pkg/apiserver/admission/noderestriction"
	"github.com/proa-sh/proa/pkg/apiserver/options"
	"github.com/proa-sh/proa/pkg/cluster/pki"
)

// Config of an API server.
type Config struct {
	Certificates pki.Set
	// Etcd is the endpoint of the storage, a URL.
	Etcd string
	// Address at which nodes and pods reach the server, and Port. BindAddress is where it listens.
	Address, BindAddress net.IP
	Port                 int
	// ServiceRange is the CIDR of cluster IPs.
	ServiceRange string
	// Domain of the cluster, such as cluster.local.
	Domain string
	// AggregatorRouting reaches webhooks and aggregated servers by their pods' addresses: this machine has no service proxy.
	AggregatorRouting bool
}

// Options returns the options of the API server.
func Options(c Config) *options.Options {
	o := options.New(admission.Plugins())
	o.Etcd.StorageConfig.Transport.ServerList = []string{c.Etcd}
	// Figures on storage are asked for by nobody here, and would keep an idle disk busy.
	o.Etcd.StorageConfig.CountMetricPollPeriod = 0
	o.Etcd.StorageConfig.DBMetricPollInterval = 0

	o.Serving.BindAddress, o.Serving.BindPort = c.BindAddress, c.Port
	o.Serving.ServerCert.CertKey.CertFile = c.Certificates.Cert(pki.APIServer)
	o.Serving.ServerCert.CertKey.KeyFile = c.Certificates.Key(pki.APIServer)
	o.Run.AdvertiseAddress = c.Address
	// When it stops, watches are ended at once, and streams such as `kubectl logs -f` two seconds later; by themselves they
	// would keep the server for a minute.
	o.Run.ShutdownWatchTerminationGracePeriod = time.Second
	o.Run.ShutdownSendRetryAfter = true

	a := &o.Authentication
	a.ClientCAFile = c.Certificates.Cert(pki.CA)
	a.BootstrapTokens = true
	a.RequestHeader.ClientCAFile = c.Certificates.Cert(pki.FrontProxyCA)
	a.RequestHeader.UsernameHeaders = []string{"X-Remote-User"}
	a.RequestHeader.GroupHeaders = []string{"X-Remote-Group"}
	a.RequestHeader.ExtraHeaderPrefixes = []string{"X-Remote-Extra-"}
	a.RequestHeader.AllowedNames = []string{pki.FrontProxyClient}
	a.ServiceAccounts.Issuers = []string{"https://kubernetes.default.svc." + c.Domain}
	a.ServiceAccounts.KeyFiles = []string{c.Certificates.ServiceAccountPublicKey()}
	a.ServiceAccounts.SigningKeyFile = c.Certificates.ServiceAccountKey()
	o.Authorization.Modes = []string{options.ModeNode, options.ModeRBAC}
	o.Admission.EnablePlugins = []string{noderestriction.Name}

	o.AllowPrivileged = true
	o.ServiceClusterIPRange = []string{c.ServiceRange}
	o.EnableAggregatorRouting = c.AggregatorRouting
	o.ProxyClientCertFile = c.Certificates.Cert(pki.FrontProxyClient)
	o.ProxyClientKeyFile = c.Certificates.Key(pki.FrontProxyClient)
	o.Kubelet.ClientCertificate = c.Certificates.Cert(pki.APIServerKubeletClient)
	o.Kubelet.ClientKey = c.Certificates.Key(pki.APIServerKubeletClient)
	o.Kubelet.CertificateAuthority = c.Certificates.Cert(pki.CA)
	o.Kubelet.PreferredAddressTypes = []string{"InternalIP", "Hostname", "ExternalIP"}
	return o
}
