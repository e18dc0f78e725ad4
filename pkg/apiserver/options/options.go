package options

import (
	"net"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apiserver/pkg/admission"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/metrics"
)

// Options of an API server.
type Options struct {
	Run            *genericoptions.ServerRunOptions
	Etcd           *genericoptions.EtcdOptions
	Serving        *genericoptions.SecureServingOptionsWithLoopback
	Audit          *genericoptions.AuditOptions
	Features       *genericoptions.FeatureOptions
	Admission      *genericoptions.AdmissionOptions
	Enablement     *genericoptions.APIEnablementOptions
	Egress         *genericoptions.EgressSelectorOptions
	Tracing        *genericoptions.TracingOptions
	Metrics        *metrics.Options
	Authentication Authentication
	Authorization  Authorization

	AllowPrivileged         bool
	EventTTL                time.Duration
	ServiceClusterIPRange   []string
	ServiceNodePortRange    utilnet.PortRange
	EnableAggregatorRouting bool
	// AggregatorRejectForwardingRedirects keeps redirects of aggregated servers from clients.
	AggregatorRejectForwardingRedirects bool
	// MaxConnectionBytesPerSec bounds each long-running connection; 0 is no bound.
	MaxConnectionBytesPerSec int64
	// How long pods that say nothing of it stay on a node that is not ready or cannot be reached, in seconds.
	DefaultNotReadyTolerationSeconds    int64
	DefaultUnreachableTolerationSeconds int64
	// EndpointReconcilerType says who keeps the endpoints of the Service kubernetes: one of the constants below.
	EndpointReconcilerType string
	// KubernetesServiceNodePort is the node port of the Service kubernetes, none if 0.
	KubernetesServiceNodePort int
	ProxyClientCertFile       string
	ProxyClientKeyFile        string
	Kubelet                   Kubelet
}

// Kubelet says how the server reaches kubelets.
type Kubelet struct {
	CertificateAuthority  string
	ClientCertificate     string
	ClientKey             string
	PreferredAddressTypes []string
	Timeout               time.Duration
}

// Values of Options.EndpointReconcilerType.
const (
	ReconcileLease = "lease" // the servers, each by a lease in etcd
	ReconcileNone  = "none"  // somebody else
)

// StoragePrefix is the root of all keys in etcd.
const StoragePrefix = "/registry"

// New returns the default options. plugins are the admission plugins that can be switched on, besides those of the
// library, in the order in which they run.
func New(plugins *admission.Plugins, order, off []string) *Options {
	o := &Options{
		Run:        genericoptions.NewServerRunOptions(),
		Etcd:       genericoptions.NewEtcdOptions(storagebackend.NewDefaultConfig(StoragePrefix, nil)),
		Serving:    genericoptions.NewSecureServingOptions().WithLoopback(),
		Audit:      genericoptions.NewAuditOptions(),
		Features:   genericoptions.NewFeatureOptions(),
		Admission:  genericoptions.NewAdmissionOptions(),
		Enablement: genericoptions.NewAPIEnablementOptions(),
		Egress:     genericoptions.NewEgressSelectorOptions(),
		Tracing:    genericoptions.NewTracingOptions(),
		Metrics:    metrics.NewOptions(),

		Authentication:                      newAuthentication(),
		Authorization:                       newAuthorization(),
		EventTTL:                            time.Hour,
		ServiceClusterIPRange:               []string{"10.0.0.0/24"},
		ServiceNodePortRange:                utilnet.PortRange{Base: 30000, Size: 2768},
		AggregatorRejectForwardingRedirects: true,
		EndpointReconcilerType:              ReconcileLease,
		DefaultNotReadyTolerationSeconds:    300,
		DefaultUnreachableTolerationSeconds: 300,
		Kubelet: Kubelet{
			PreferredAddressTypes: []string{"Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP"},
			Timeout:               5 * time.Second,
		},
	}
	o.Serving.BindPort = 6443
	o.Serving.ServerCert.CertDirectory = "/var/run/kubernetes"
	o.Serving.ServerCert.PairName = "apiserver"
	o.Serving.Required = true
	o.Etcd.DefaultStorageMediaType = "application/vnd.kubernetes.protobuf"
	o.Admission.Plugins = plugins
	o.Admission.RecommendedPluginOrder = order
	o.Admission.DefaultOffPlugins.Insert(off...)
	return o
}

// AddFlags adds the flags in upstream's sections.
func (o *Options) AddFlags(fss *cliflag.NamedFlagSets) {
	o.Run.AddUniversalFlags(fss.FlagSet("generic"))
	o.Etcd.AddFlags(fss.FlagSet("etcd"))
	o.Serving.AddFlags(fss.FlagSet("secure serving"))
	o.Audit.AddFlags(fss.FlagSet("auditing"))
	o.Features.AddFlags(fss.FlagSet("features"))
	o.Admission.AddFlags(fss.FlagSet("admission"))
	o.Enablement.AddFlags(fss.FlagSet("API enablement"))
	o.Egress.AddFlags(fss.FlagSet("egress selector"))
	o.Tracing.AddFlags(fss.FlagSet("traces"))
	o.Metrics.AddFlags(fss.FlagSet("metrics"))
	o.Authentication.addFlags(fss.FlagSet("authentication"))
	o.Authorization.addFlags(fss.FlagSet("authorization"))

	fs := fss.FlagSet("misc")
	fs.BoolVar(&o.AllowPrivileged, "allow-privileged", o.AllowPrivileged, "If true, allow privileged containers.")
	fs.DurationVar(&o.EventTTL, "event-ttl", o.EventTTL, "Amount of time to retain events.")
	fs.StringSliceVar(&o.ServiceClusterIPRange, "service-cluster-ip-range", o.ServiceClusterIPRange,
		"A CIDR range, or two of different families, from which service cluster IPs are assigned. They must not overlap with the ranges of nodes and pods.")
	fs.Var(&o.ServiceNodePortRange, "service-node-port-range",
		"A port range to reserve for services with NodePort visibility, such as '30000-32767', inclusive at both ends.")
	fs.BoolVar(&o.EnableAggregatorRouting, "enable-aggregator-routing", o.EnableAggregatorRouting,
		"Turns on aggregator routing of requests to endpoint IPs rather than cluster IPs.")
	fs.BoolVar(&o.AggregatorRejectForwardingRedirects, "aggregator-reject-forwarding-redirect", o.AggregatorRejectForwardingRedirects,
		"Answers with an error when an aggregated API server redirects, instead of sending the client there.")
	fs.Int64Var(&o.MaxConnectionBytesPerSec, "max-connection-bytes-per-sec", o.MaxConnectionBytesPerSec,
		"Bound of the bytes per second of each exec, attach, port-forward and proxy connection; 0 is no bound.")
	fs.Int64Var(&o.DefaultNotReadyTolerationSeconds, "default-not-ready-toleration-seconds", o.DefaultNotReadyTolerationSeconds,
		"How long, in seconds, a pod that says nothing of it stays on a node that is not ready (taint notReady:NoExecute).")
	fs.Int64Var(&o.DefaultUnreachableTolerationSeconds, "default-unreachable-toleration-seconds", o.DefaultUnreachableTolerationSeconds,
		"How long, in seconds, a pod that says nothing of it stays on a node that cannot be reached (taint unreachable:NoExecute).")
	fs.StringVar(&o.EndpointReconcilerType, "endpoint-reconciler-type", o.EndpointReconcilerType,
		"Who keeps the endpoints of the Service kubernetes: "+ReconcileLease+" (the API servers, by leases) or "+ReconcileNone+" (somebody else).")
	fs.IntVar(&o.KubernetesServiceNodePort, "kubernetes-service-node-port", o.KubernetesServiceNodePort,
		"The node port of the Service kubernetes, which is then of type NodePort; 0 leaves it at type ClusterIP. It is set when the Service is made.")
	fs.StringVar(&o.ProxyClientCertFile, "proxy-client-cert-file", o.ProxyClientCertFile,
		"Client certificate by which the aggregator proves its identity to aggregated API servers and webhooks.")
	fs.StringVar(&o.ProxyClientKeyFile, "proxy-client-key-file", o.ProxyClientKeyFile, "Private key of --proxy-client-cert-file.")
	fs.StringVar(&o.Kubelet.CertificateAuthority, "kubelet-certificate-authority", o.Kubelet.CertificateAuthority,
		"Path to a certificate authority by which kubelets' serving certificates are verified; they are not verified if it is empty.")
	fs.StringVar(&o.Kubelet.ClientCertificate, "kubelet-client-certificate", o.Kubelet.ClientCertificate, "Path to a client certificate for kubelets.")
	fs.StringVar(&o.Kubelet.ClientKey, "kubelet-client-key", o.Kubelet.ClientKey, "Path to the private key of --kubelet-client-certificate.")
	fs.StringSliceVar(&o.Kubelet.PreferredAddressTypes, "kubelet-preferred-address-types", o.Kubelet.PreferredAddressTypes,
		"List of the node address types to use for kubelet connections, the preferred one first.")
	fs.DurationVar(&o.Kubelet.Timeout, "kubelet-timeout", o.Kubelet.Timeout, "Timeout for kubelet operations.")
}

// AdvertisedIP is the address at which clients in the cluster reach the server.
func (o *Options) AdvertisedIP() net.IP { return o.Run.AdvertiseAddress }
