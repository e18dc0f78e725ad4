package registry

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// defaultFamilies fills in ipFamilyPolicy and ipFamilies from what the service says of addresses and what the cluster
// has, as documented at those fields (KEP-563).
func (s *services) defaultFamilies(service, old *corev1.Service) error {
	spec := &service.Spec
	if spec.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	if old != nil && old.Spec.Type != corev1.ServiceTypeExternalName && spec.IPFamilyPolicy == nil {
		spec.IPFamilyPolicy = old.Spec.IPFamilyPolicy
	}
	fromAddresses(spec)
	headless := spec.ClusterIP == corev1.ClusterIPNone
	free := headless && len(spec.Selector) == 0 // its addresses are whatever its endpoints are
	if spec.IPFamilyPolicy == nil {
		policy := corev1.IPFamilyPolicySingleStack
		switch {
		case len(spec.ClusterIPs) == 2 || len(spec.IPFamilies) == 2:
			policy = corev1.IPFamilyPolicyRequireDualStack
		case free && len(spec.IPFamilies) == 0:
			policy = corev1.IPFamilyPolicyRequireDualStack
		}
		spec.IPFamilyPolicy = &policy
	}
	if err := s.checkFamilies(service, free); err != nil {
		return err
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{s.families[0]}
	}
	if *spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack && len(spec.IPFamilies) == 1 && (len(s.families) == 2 || free) {
		spec.IPFamilies = append(spec.IPFamilies, other(spec.IPFamilies[0]))
	}
	return nil
}

// fromAddresses derives families from addresses that the client chose.
func fromAddresses(spec *corev1.ServiceSpec) {
	ips := spec.ClusterIPs
	if len(ips) == 0 && spec.ClusterIP != "" {
		ips = []string{spec.ClusterIP}
	}
	for i := len(spec.IPFamilies); i < len(ips); i++ {
		ip, err := netip.ParseAddr(ips[i])
		if err != nil {
			return
		}
		spec.IPFamilies = append(spec.IPFamilies, familiesOf([]netip.Prefix{netip.PrefixFrom(ip, ip.BitLen())})...)
	}
}

func other(f corev1.IPFamily) corev1.IPFamily {
	if f == corev1.IPv4Protocol {
		return corev1.IPv6Protocol
	}
	return corev1.IPv4Protocol
}

// checkFamilies refuses families that the cluster does not have. free services have no addresses of it.
func (s *services) checkFamilies(service *corev1.Service, free bool) error {
	spec := &service.Spec
	if free {
		return nil
	}
	path := field.NewPath("spec")
	for i, f := range spec.IPFamilies {
		if !slices.Contains(s.families, f) {
			return invalid(service, field.Invalid(path.Child("ipFamilies").Index(i), f, "not configured on this cluster"))
		}
	}
	if *spec.IPFamilyPolicy == corev1.IPFamilyPolicyRequireDualStack && len(s.families) < 2 {
		return invalid(service, field.Invalid(path.Child("ipFamilyPolicy"), *spec.IPFamilyPolicy, fmt.Sprintf("this cluster is not configured for dual-stack services: it has %v", s.families)))
	}
	return nil
}
