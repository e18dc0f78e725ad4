package options

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	cliflag "k8s.io/component-base/cli/flag"

	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/controllers"
)

// Options are the flags of kube-controller-manager as plain values.
type Options struct {
	// Kubeconfig is the connection to the API server, Master overrides the address in it.
	Kubeconfig, Master string
	// Controllers selects controllers, as controllermanager.Config does.
	Controllers []string
	// UseServiceAccountCredentials gives each controller the identity of a service account of its own.
	UseServiceAccountCredentials bool

	// ServiceAccountKeyFile has the private key that signs the tokens in Secrets.
	ServiceAccountKeyFile string
	// RootCAFile is the bundle that is published in each namespace.
	RootCAFile string
	// ClusterCIDR and ServiceCIDR are ranges of addresses, of one family or, divided by a comma, of both.
	ClusterCIDR, ServiceCIDR string
	AllocateNodeCIDRs        bool
	// NodeCIDRMaskSize is for clusters of one family, the others for both.
	NodeCIDRMaskSize, NodeCIDRMaskSizeIPv4, NodeCIDRMaskSizeIPv6 int

	// Signing is the authority for all signers, the others are for one signer each and count more.
	Signing                                                                             files
	KubeletClientSigning, KubeletServingSigning, APIServerClientSigning, UnknownSigning files
	SigningDuration                                                                     time.Duration

	Node                 controllers.NodeSettings
	TerminatedPods       int
	MaxEndpointsPerSlice int32
	// LegacyTokenPeriod is how long a token in a Secret may go unused before it is invalid, and then may stay.
	LegacyTokenPeriod time.Duration
	// Workers are how many keys controllers handle at the same time, by controller.
	Workers map[string]*int

	// Election says whether and how to be elected before anything is controlled.
	Election component.Election
	// Serving says where health, metrics and profiles are served.
	Serving component.Serving
}

// files are a certificate and its key in PEM.
type files struct{ cert, key string }

// workerFlags are the flags that set the number of workers, by controller.
func workerFlags() map[string]string {
	return map[string]string{
		"concurrent-cron-job-syncs":                   "cronjob-controller",
		"concurrent-daemonset-syncs":                  "daemonset-controller",
		"concurrent-deployment-syncs":                 "deployment-controller",
		"concurrent-endpoint-syncs":                   "endpoints-controller",
		"concurrent-gc-syncs":                         "garbage-collector-controller",
		"concurrent-job-syncs":                        "job-controller",
		"concurrent-namespace-syncs":                  "namespace-controller",
		"concurrent-rc-syncs":                         "replicationcontroller-controller",
		"concurrent-replicaset-syncs":                 "replicaset-controller",
		"concurrent-resource-quota-syncs":             "resourcequota-controller",
		"concurrent-service-endpoint-syncs":           "endpointslice-controller",
		"concurrent-serviceaccount-token-syncs":       "serviceaccount-token-controller",
		"concurrent-statefulset-syncs":                "statefulset-controller",
		"concurrent-ttl-after-finished-syncs":         "ttl-after-finished-controller",
		"mirroring-concurrent-service-endpoint-syncs": "endpointslice-mirroring-controller",
	}
}

// NewOptions are the options of an empty command line.
func NewOptions() *Options {
	defaults := controllers.DefaultSettings()
	o := &Options{
		Controllers:     []string{"*"},
		SigningDuration: defaults.SigningDuration, Node: defaults.Node,
		TerminatedPods: defaults.TerminatedPods, MaxEndpointsPerSlice: defaults.MaxEndpointsPerSlice, LegacyTokenPeriod: defaults.LegacyTokenPeriod,
		Workers:  map[string]*int{},
		Election: component.NewElection("kube-controller-manager"),
		Serving:  component.NewServing("kube-controller-manager", 10257),
	}
	for _, name := range workerFlags() {
		workers := 1
		for _, entry := range controllers.All() {
			if entry.Name == name {
				workers = entry.Workers
			}
		}
		o.Workers[name] = &workers
	}
	return o
}

// AddFlags adds the flags, in groups.
func (o *Options) AddFlags(sets *cliflag.NamedFlagSets) {
	generic := sets.FlagSet("generic")
	generic.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "Path to kubeconfig file with authorization and master location information (the master location can be overridden by the master flag).")
	generic.StringVar(&o.Master, "master", o.Master, "The address of the Kubernetes API server (overrides any value in kubeconfig).")
	generic.StringSliceVar(&o.Controllers, "controllers", o.Controllers, "A list of controllers to enable. '*' enables all on-by-default controllers, 'foo' enables the controller named 'foo', '-foo' disables the controller named 'foo'.")
	generic.BoolVar(&o.UseServiceAccountCredentials, "use-service-account-credentials", o.UseServiceAccountCredentials, "If true, use individual service account credentials for each controller.")
	o.Election.AddFlags(sets.FlagSet("leader election"))
	o.Serving.AddFlags(sets.FlagSet("serving"))
	o.addNetworkFlags(sets)
	o.addSigningFlags(sets)
	o.addNodeFlags(sets)
	misc := sets.FlagSet("controllers")
	misc.StringVar(&o.RootCAFile, "root-ca-file", o.RootCAFile, "If set, this root certificate authority will be published in each namespace. This must be a valid PEM-encoded CA bundle.")
	misc.StringVar(&o.ServiceAccountKeyFile, "service-account-private-key-file", o.ServiceAccountKeyFile, "Filename containing a PEM-encoded private RSA or ECDSA key used to sign service account tokens.")
	misc.IntVar(&o.TerminatedPods, "terminated-pod-gc-threshold", o.TerminatedPods, "Number of terminated pods that can exist before the terminated pod garbage collector starts deleting terminated pods. If <= 0, the terminated pod garbage collector is disabled.")
	misc.Int32Var(&o.MaxEndpointsPerSlice, "max-endpoints-per-slice", o.MaxEndpointsPerSlice, "The maximum number of endpoints that will be added to an EndpointSlice. More endpoints per slice will result in less endpoint slices, but larger resources.")
	misc.DurationVar(&o.LegacyTokenPeriod, "legacy-service-account-token-clean-up-period", o.LegacyTokenPeriod, "The period of time since the last usage of an legacy service account token before it can be deleted.")
	for flag, name := range workerFlags() {
		misc.IntVar(o.Workers[name], flag, *o.Workers[name], "The number of objects that "+name+" handles at the same time. Larger number = more responsive, but more CPU (and network) load.")
	}
}

func (o *Options) addNetworkFlags(sets *cliflag.NamedFlagSets) {
	fs := sets.FlagSet("networking")
	fs.BoolVar(&o.AllocateNodeCIDRs, "allocate-node-cidrs", o.AllocateNodeCIDRs, "Should CIDRs for Pods be allocated. Requires --cluster-cidr.")
	fs.StringVar(&o.ClusterCIDR, "cluster-cidr", o.ClusterCIDR, "CIDR Range for Pods in cluster. Only used when --allocate-node-cidrs=true; if false, this option will be ignored.")
	fs.StringVar(&o.ServiceCIDR, "service-cluster-ip-range", o.ServiceCIDR, "CIDR Range for Services in cluster. Only used when --allocate-node-cidrs=true; if false, this option will be ignored.")
	fs.IntVar(&o.NodeCIDRMaskSize, "node-cidr-mask-size", o.NodeCIDRMaskSize, "Mask size for node cidr in cluster. Default is 24 for IPv4 and 64 for IPv6.")
	fs.IntVar(&o.NodeCIDRMaskSizeIPv4, "node-cidr-mask-size-ipv4", o.NodeCIDRMaskSizeIPv4, "Mask size for IPv4 node cidr in dual-stack cluster. Default is 24.")
	fs.IntVar(&o.NodeCIDRMaskSizeIPv6, "node-cidr-mask-size-ipv6", o.NodeCIDRMaskSizeIPv6, "Mask size for IPv6 node cidr in dual-stack cluster. Default is 64.")
}

func (o *Options) addSigningFlags(sets *cliflag.NamedFlagSets) {
	fs := sets.FlagSet("certificate signing")
	pair := func(to *files, infix, what string) {
		fs.StringVar(&to.cert, "cluster-signing"+infix+"-cert-file", to.cert, "Filename containing a PEM-encoded X509 CA certificate used to issue certificates "+what+".")
		fs.StringVar(&to.key, "cluster-signing"+infix+"-key-file", to.key, "Filename containing a PEM-encoded RSA or ECDSA private key used to sign certificates "+what+".")
	}
	pair(&o.Signing, "", "of all signers. If specified, no more specific --cluster-signing-* flag may be specified")
	pair(&o.KubeletClientSigning, "-kubelet-client", "for the kubernetes.io/kube-apiserver-client-kubelet signer")
	pair(&o.KubeletServingSigning, "-kubelet-serving", "for the kubernetes.io/kubelet-serving signer")
	pair(&o.APIServerClientSigning, "-kube-apiserver-client", "for the kubernetes.io/kube-apiserver-client signer")
	pair(&o.UnknownSigning, "-legacy-unknown", "for the kubernetes.io/legacy-unknown signer")
	fs.DurationVar(&o.SigningDuration, "cluster-signing-duration", o.SigningDuration, "The max length of duration signed certificates will be given. Individual CSRs may request shorter certs by setting spec.expirationSeconds.")
}

func (o *Options) addNodeFlags(sets *cliflag.NamedFlagSets) {
	fs := sets.FlagSet("node lifecycle")
	fs.DurationVar(&o.Node.MonitorGrace, "node-monitor-grace-period", o.Node.MonitorGrace, "Amount of time which we allow running Node to be unresponsive before marking it unhealthy.")
	fs.DurationVar(&o.Node.StartupGrace, "node-startup-grace-period", o.Node.StartupGrace, "Amount of time which we allow starting Node to be unresponsive before marking it unhealthy.")
	fs.Float32Var(&o.Node.EvictionRate, "node-eviction-rate", o.Node.EvictionRate, "Number of nodes per second on which pods are deleted in case of node failure when a zone is healthy.")
	fs.Float32Var(&o.Node.SecondaryEvictionRate, "secondary-node-eviction-rate", o.Node.SecondaryEvictionRate, "Number of nodes per second on which pods are deleted in case of node failure when a zone is unhealthy. This value is implicitly overridden to 0 if the cluster size is smaller than --large-cluster-size-threshold.")
	fs.IntVar(&o.Node.LargeZone, "large-cluster-size-threshold", o.Node.LargeZone, "Number of nodes from which node-lifecycle-controller treats the cluster as large for the eviction logic purposes.")
	fs.Float32Var(&o.Node.UnhealthyZone, "unhealthy-zone-threshold", o.Node.UnhealthyZone, "Fraction of Nodes in a zone which needs to be not Ready (minimum 3) for zone to be treated as unhealthy.")
}

// Validate returns every fault.
func (o *Options) Validate() []error {
	errs := append(o.Election.Validate(), o.Serving.Validate()...)
	if _, err := prefixes("cluster-cidr", o.ClusterCIDR); err != nil {
		errs = append(errs, err)
	}
	if _, err := prefixes("service-cluster-ip-range", o.ServiceCIDR); err != nil {
		errs = append(errs, err)
	}
	if o.AllocateNodeCIDRs && o.ClusterCIDR == "" {
		errs = append(errs, errors.New("--allocate-node-cidrs needs --cluster-cidr"))
	}
	if o.NodeCIDRMaskSize > 0 && (o.NodeCIDRMaskSizeIPv4 > 0 || o.NodeCIDRMaskSizeIPv6 > 0) {
		errs = append(errs, errors.New("--node-cidr-mask-size is for clusters of one address family, --node-cidr-mask-size-ipv4 and -ipv6 for both; give the one or the other"))
	}
	specific := []files{o.KubeletClientSigning, o.KubeletServingSigning, o.APIServerClientSigning, o.UnknownSigning}
	for _, pair := range append(specific, o.Signing) {
		if (pair.cert == "") != (pair.key == "") {
			errs = append(errs, fmt.Errorf("certificate file %q and key file %q of --cluster-signing must be given together", pair.cert, pair.key))
		}
		if pair != o.Signing && pair != (files{}) && o.Signing != (files{}) {
			errs = append(errs, errors.New("--cluster-signing-cert-file and -key-file cannot be given together with those of single signers"))
		}
	}
	for flag, name := range workerFlags() {
		if *o.Workers[name] < 1 {
			errs = append(errs, fmt.Errorf("--%s must be at least 1", flag))
		}
	}
	if n := o.MaxEndpointsPerSlice; n < 1 || n > mostEndpointsPerSlice {
		errs = append(errs, fmt.Errorf("--max-endpoints-per-slice must be between 1 and %d", mostEndpointsPerSlice))
	}
	if o.LegacyTokenPeriod <= 0 {
		errs = append(errs, errors.New("--legacy-service-account-token-clean-up-period must be greater than 0"))
	}
	return errs
}

// mostEndpointsPerSlice is how many endpoints the API server takes in one EndpointSlice.
const mostEndpointsPerSlice = 1000

// prefixes reads one or two ranges.
func prefixes(flag, text string) ([]netip.Prefix, error) {
	parsed, err := parsePrefixes(text)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	if len(parsed) > 2 || (len(parsed) == 2 && parsed[0].Addr().Is4() == parsed[1].Addr().Is4()) {
		return nil, fmt.Errorf("--%s %q: at most one range of each address family is possible", flag, text)
	}
	return parsed, nil
}
