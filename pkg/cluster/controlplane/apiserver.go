package controlplane

import (
	"fmt"
	"net"
	"time"

	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"

	"github.com/proa-sh/proa/pkg/apiserver/admission"
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

// Options are the options of an API server in this process: what the flags say, and what is of use only here.
func Options(c Config) (*options.Options, error) {
	o := options.New(admission.Plugins())
	sets, all := &cliflag.NamedFlagSets{}, pflag.NewFlagSet(APIServerProgram, pflag.ContinueOnError)
	o.AddFlags(sets)
	for _, set := range sets.FlagSets {
		all.AddFlagSet(set)
	}
	if err := all.Parse(APIServerFlags(c)); err != nil {
		return nil, fmt.Errorf("set options of the API server: %w", err)
	}
	// Figures on storage are asked for by nobody here, and would keep an idle disk busy.
	o.Etcd.StorageConfig.CountMetricPollPeriod = 0
	o.Etcd.StorageConfig.DBMetricPollInterval = 0
	// When it stops, watches are ended at once, and streams such as `kubectl logs -f` two seconds later; by themselves they
	// would keep the server for a minute.
	o.Run.ShutdownWatchTerminationGracePeriod = time.Second
	o.Run.ShutdownSendRetryAfter = true
	return o, nil
}
