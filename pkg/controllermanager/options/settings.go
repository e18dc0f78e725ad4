package options

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"strings"

	certificates "k8s.io/api/certificates/v1"

	"github.com/proa-sh/proa/pkg/controllers"
)

// Settings reads the files and makes the settings of the controllers.
func (o *Options) Settings() (controllers.Settings, error) {
	s := controllers.DefaultSettings()
	var err error
	if s.ClusterCIDRs, err = prefixes("cluster-cidr", o.ClusterCIDR); err != nil {
		return s, err
	}
	if s.ServiceCIDRs, err = prefixes("service-cluster-ip-range", o.ServiceCIDR); err != nil {
		return s, err
	}
	if o.RootCAFile != "" {
		if s.RootCA, err = os.ReadFile(o.RootCAFile); err != nil {
			return s, fmt.Errorf("read --root-ca-file: %w", err)
		}
	}
	if o.ServiceAccountKeyFile != "" {
		if s.ServiceAccountKey, err = os.ReadFile(o.ServiceAccountKeyFile); err != nil {
			return s, fmt.Errorf("read --service-account-private-key-file: %w", err)
		}
	}
	s.AllocateNodeCIDRs = o.AllocateNodeCIDRs
	s.NodeCIDRMaskSizeIPv4 = cmp.Or(o.NodeCIDRMaskSizeIPv4, o.NodeCIDRMaskSize, s.NodeCIDRMaskSizeIPv4)
	s.NodeCIDRMaskSizeIPv6 = cmp.Or(o.NodeCIDRMaskSizeIPv6, o.NodeCIDRMaskSize, s.NodeCIDRMaskSizeIPv6)
	s.Node, s.TerminatedPods, s.MaxEndpointsPerSlice, s.SigningDuration = o.Node, o.TerminatedPods, o.MaxEndpointsPerSlice, o.SigningDuration
	s.LegacyTokenPeriod = o.LegacyTokenPeriod
	s.Workers = map[string]int{}
	for name, workers := range o.Workers {
		s.Workers[name] = *workers
	}
	s.Signing, err = o.authorities()
	return s, err
}

// authorities reads the certificate authorities by signer.
func (o *Options) authorities() (map[string]controllers.Authority, error) {
	authorities := map[string]controllers.Authority{}
	for signer, pair := range map[string]files{
		certificates.KubeAPIServerClientKubeletSignerName: o.KubeletClientSigning,
		certificates.KubeletServingSignerName:             o.KubeletServingSigning,
		certificates.KubeAPIServerClientSignerName:        o.APIServerClientSigning,
		"kubernetes.io/legacy-unknown":                    o.UnknownSigning,
	} {
		if pair == (files{}) {
			pair = o.Signing
		}
		if pair == (files{}) {
			continue
		}
		cert, err := os.ReadFile(pair.cert)
		if err != nil {
			return nil, fmt.Errorf("read certificate authority of %s: %w", signer, err)
		}
		key, err := os.ReadFile(pair.key)
		if err != nil {
			return nil, fmt.Errorf("read key of the certificate authority of %s: %w", signer, err)
		}
		authorities[signer] = controllers.Authority{CertPEM: cert, KeyPEM: key}
	}
	return authorities, nil
}

func parsePrefixes(text string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("read range %q: %w", part, err)
		}
		all = append(all, prefix)
	}
	return all, nil
}
