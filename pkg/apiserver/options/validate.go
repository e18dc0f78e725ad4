package options

import (
	"fmt"
	"net/netip"
)

// Validate returns every fault of the options.
func (o *Options) Validate() []error {
	var errs []error
	errs = append(errs, o.Run.Validate()...)
	errs = append(errs, o.Etcd.Validate()...)
	errs = append(errs, o.Serving.Validate()...)
	errs = append(errs, o.Audit.Validate()...)
	errs = append(errs, o.Features.Validate()...)
	errs = append(errs, o.Admission.Validate()...)
	errs = append(errs, o.Tracing.Validate()...)
	errs = append(errs, o.Metrics.Validate()...)
	errs = append(errs, o.Authentication.validate()...)
	errs = append(errs, o.Authorization.validate()...)
	if _, err := o.ServiceRanges(); err != nil {
		errs = append(errs, err)
	}
	if o.ServiceNodePortRange.Size < 1 {
		errs = append(errs, fmt.Errorf("service-node-port-range %q has no port", o.ServiceNodePortRange.String()))
	}
	if t := o.EndpointReconcilerType; t != ReconcileLease && t != ReconcileNone {
		errs = append(errs, fmt.Errorf("endpoint-reconciler-type is %q, it must be %s or %s; master-count has been deprecated for long and is not supported", t, ReconcileLease, ReconcileNone))
	}
	if p := o.KubernetesServiceNodePort; p != 0 && !o.ServiceNodePortRange.Contains(p) {
		errs = append(errs, fmt.Errorf("kubernetes-service-node-port %d is not in the range of node ports %s", p, o.ServiceNodePortRange.String()))
	}
	if (o.ProxyClientCertFile == "") != (o.ProxyClientKeyFile == "") {
		errs = append(errs, fmt.Errorf("proxy-client-cert-file and proxy-client-key-file must be given together"))
	}
	return errs
}

// ServiceRanges returns the ranges of service cluster IPs, the primary one first.
func (o *Options) ServiceRanges() ([]netip.Prefix, error) {
	if n := len(o.ServiceClusterIPRange); n < 1 || n > 2 {
		return nil, fmt.Errorf("service-cluster-ip-range takes one or two CIDRs, got %d", n)
	}
	var out []netip.Prefix
	for _, s := range o.ServiceClusterIPRange {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("service-cluster-ip-range %q is not a CIDR: %w", s, err)
		}
		out = append(out, p.Masked())
	}
	if len(out) == 2 && out[0].Addr().Is4() == out[1].Addr().Is4() {
		return nil, fmt.Errorf("service-cluster-ip-range %s and %s are of one IP family", out[0], out[1])
	}
	return out, nil
}
