package core

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/net"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// nonSpecialIP reports an address that means something else than one host out there.
func nonSpecialIP(value string, p *field.Path) field.ErrorList {
	ip := net.ParseIPSloppy(value)
	if ip == nil {
		return field.ErrorList{field.Invalid(p, value, "must be a valid IP address")}
	}
	var errs field.ErrorList
	if ip.IsUnspecified() {
		errs = append(errs, field.Invalid(p, value, fmt.Sprintf("may not be unspecified (%v)", value)))
	}
	if ip.IsLoopback() {
		errs = append(errs, field.Invalid(p, value, "may not be in the loopback range (127.0.0.0/8, ::1/128)"))
	}
	if ip.IsLinkLocalUnicast() {
		errs = append(errs, field.Invalid(p, value, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"))
	}
	if ip.IsLinkLocalMulticast() {
		errs = append(errs, field.Invalid(p, value, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"))
	}
	return errs
}

// clusterIPRules rules cluster addresses and their families against each other (KEP-563).
func clusterIPRules(svc, old *v1.Service) field.ErrorList {
	s, p := &svc.Spec, field.NewPath("spec")
	if !needsClusterIP(s) {
		return nil
	}
	errs := primaryIP(s, p)
	errs = append(errs, ipFamilies(s, p.Child("ipFamilies"))...)
	if s.IPFamilyPolicy != nil {
		errs = append(errs, meta.In(*s.IPFamilyPolicy, p.Child("ipFamilyPolicy"), v1.IPFamilyPolicyPreferDualStack,
			v1.IPFamilyPolicyRequireDualStack, v1.IPFamilyPolicySingleStack)...)
	}
	var was []string
	if old != nil {
		was = old.Spec.ClusterIPs
	}
	ips := p.Child("clusterIPs")
	hasInvalid := false
	for i, ip := range s.ClusterIPs {
		if i == 0 && ip == v1.ClusterIPNone {
			if len(s.ClusterIPs) > 1 {
				errs = append(errs, field.Invalid(ips, s.ClusterIPs, "'None' must be the first and only value"))
				hasInvalid = true
			}
			continue
		}
		if ip == v1.ClusterIPNone {
			errs = append(errs, field.Invalid(ips.Index(i), ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"))
			hasInvalid = true
			continue
		}
		faults := validation.IsValidIPForLegacyField(ips.Index(i), ip, true, was)
		hasInvalid = hasInvalid || len(faults) > 0
		errs = append(errs, faults...)
	}
	if len(s.ClusterIPs) > 2 {
		errs = append(errs, field.Invalid(ips, s.ClusterIPs, "may only hold up to 2 values"))
	}
	if hasInvalid || headless(s) {
		return errs
	}
	return append(errs, familiesMatchIPs(s, p)...)
}

func primaryIP(s *v1.ServiceSpec, p *field.Path) field.ErrorList {
	switch {
	case s.ClusterIP == "" && len(s.ClusterIPs) > 0:
		return field.ErrorList{field.Required(p.Child("clusterIP"), "")}
	case s.ClusterIP != "" && len(s.ClusterIPs) == 0:
		return field.ErrorList{field.Required(p.Child("clusterIPs"), "")}
	case len(s.ClusterIPs) > 0 && s.ClusterIP != s.ClusterIPs[0]:
		return field.ErrorList{field.Invalid(p.Child("clusterIPs"), s.ClusterIPs, "first value must match `clusterIP`")}
	}
	return nil
}

func ipFamilies(s *v1.ServiceSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[v1.IPFamily]()
	for i, f := range s.IPFamilies {
		errs = append(errs, meta.In(f, p.Index(i), v1.IPv4Protocol, v1.IPv6Protocol)...)
		if seen.Has(f) {
			errs = append(errs, field.Duplicate(p.Index(i), f))
		}
		seen.Insert(f)
	}
	if len(s.IPFamilies) > 2 {
		errs = append(errs, field.Invalid(p, s.IPFamilies, "may only hold up to 2 values"))
	}
	return errs
}

// familiesMatchIPs wants a second address to be of the other family, and each address of the family at its place.
func familiesMatchIPs(s *v1.ServiceSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	ips := p.Child("clusterIPs")
	if len(s.ClusterIPs) > 1 {
		if dual, err := net.IsDualStackIPStrings(s.ClusterIPs[:2]); err != nil || !dual {
			errs = append(errs, field.Invalid(ips, s.ClusterIPs, "may specify no more than one IP for each IP family"))
		}
		if ptr.Deref(s.IPFamilyPolicy, v1.IPFamilyPolicySingleStack) == v1.IPFamilyPolicySingleStack && s.IPFamilyPolicy != nil {
			errs = append(errs, field.Invalid(p.Child("ipFamilyPolicy"), s.IPFamilyPolicy, "must be RequireDualStack or PreferDualStack when multiple clusterIPs are specified"))
		}
	}
	for i, ip := range s.ClusterIPs {
		if i >= len(s.IPFamilies) {
			break
		}
		if v6 := net.IsIPv6String(ip); v6 != (s.IPFamilies[i] == v1.IPv6Protocol) {
			errs = append(errs, field.Invalid(ips.Index(i), ip, fmt.Sprintf("expected an %v value as indicated by `ipFamilies[%v]`", s.IPFamilies[i], i)))
		}
	}
	return errs
}

// clusterIPsUpdate lets a cluster address be given to a service that has none, and taken when it becomes an ExternalName
// service; the second address goes with the family policy.
func clusterIPsUpdate(newSvc, old *v1.Service) field.ErrorList {
	n, o, p := &newSvc.Spec, &old.Spec, field.NewPath("spec", "clusterIPs")
	if o.Type == v1.ServiceTypeExternalName || n.Type == v1.ServiceTypeExternalName || len(o.ClusterIPs) == 0 {
		return nil
	}
	if len(n.ClusterIPs) == 0 {
		return field.ErrorList{field.Invalid(p.Index(0), n.ClusterIPs, "primary clusterIP can not be unset")}
	}
	var errs field.ErrorList
	if n.ClusterIPs[0] != o.ClusterIPs[0] {
		errs = append(errs, field.Invalid(p, n.ClusterIPs, "may not change once set"))
	}
	if len(o.ClusterIPs) > 1 {
		single := ptr.Deref(n.IPFamilyPolicy, "") == v1.IPFamilyPolicySingleStack
		switch {
		case len(n.ClusterIPs) == 1 && !single:
			errs = append(errs, field.Invalid(p.Index(0), n.ClusterIPs, "`ipFamilyPolicy` must be set to 'SingleStack' when releasing the secondary clusterIP"))
		case len(n.ClusterIPs) > 1 && n.ClusterIPs[1] != o.ClusterIPs[1]:
			errs = append(errs, field.Invalid(p.Index(1), n.ClusterIPs, "may not change once set"))
		}
	}
	return errs
}

// ipFamiliesUpdate lets the second family come and go with the policy; the first one stays.
func ipFamiliesUpdate(newSvc, old *v1.Service) field.ErrorList {
	n, o, p := &newSvc.Spec, &old.Spec, field.NewPath("spec", "ipFamilies")
	if o.Type == v1.ServiceTypeExternalName || n.Type == v1.ServiceTypeExternalName || len(o.IPFamilies) == 0 {
		return nil
	}
	if len(n.IPFamilies) == 0 {
		return field.ErrorList{field.Invalid(p.Index(0), n.IPFamilies, "primary ipFamily can not be unset")}
	}
	var errs field.ErrorList
	if n.IPFamilies[0] != o.IPFamilies[0] {
		errs = append(errs, field.Invalid(p.Index(0), n.IPFamilies[0], "may not change once set"))
	}
	if len(o.IPFamilies) > 1 {
		single := ptr.Deref(n.IPFamilyPolicy, "") == v1.IPFamilyPolicySingleStack
		switch {
		case len(n.IPFamilies) == 1 && !single:
			errs = append(errs, field.Invalid(p.Index(0), n.IPFamilies, "`ipFamilyPolicy` must be set to 'SingleStack' when releasing the secondary ipFamily"))
		case len(n.IPFamilies) > 1 && n.IPFamilies[1] != o.IPFamilies[1]:
			errs = append(errs, field.Invalid(p.Index(1), n.IPFamilies[1], "may not change once set"))
		}
	}
	return errs
}

// ServiceWarnings tells of addresses in odd spellings and of fields without effect. A service that stays as it was is
// passed over.
func ServiceWarnings(newSvc, old *v1.Service) []string {
	if old != nil && apiequality.Semantic.DeepEqual(newSvc.Spec, old.Spec) {
		return nil
	}
	p := field.NewPath("spec")
	var out []string
	if headless(&newSvc.Spec) {
		out = append(out, headlessWarnings(&newSvc.Spec, p)...)
	} else {
		for i, ip := range newSvc.Spec.ClusterIPs {
			out = append(out, ipWarnings(ip, p.Child("clusterIPs").Index(i))...)
		}
	}
	for i, ip := range newSvc.Spec.ExternalIPs {
		out = append(out, ipWarnings(ip, p.Child("externalIPs").Index(i))...)
	}
	if ip := newSvc.Spec.LoadBalancerIP; ip != "" {
		out = append(out, ipWarnings(ip, p.Child("loadBalancerIP"))...)
	}
	for i, r := range newSvc.Spec.LoadBalancerSourceRanges {
		if len(validation.IsValidCIDRForLegacyField(nil, r, false, nil)) == 0 {
			out = append(out, validation.GetWarningsForCIDR(p.Child("loadBalancerSourceRanges").Index(i), strings.TrimSpace(r))...)
		}
	}
	if newSvc.Spec.Type == v1.ServiceTypeExternalName && len(newSvc.Spec.ExternalIPs) > 0 {
		out = append(out, fmt.Sprintf("%s is ignored when spec.type is %q", p.Child("externalIPs"), v1.ServiceTypeExternalName))
	}
	if newSvc.Spec.Type != v1.ServiceTypeExternalName && newSvc.Spec.ExternalName != "" {
		out = append(out, fmt.Sprintf("%s is ignored when spec.type is not %q", p.Child("externalName"), v1.ServiceTypeExternalName))
	}
	return out
}

func headlessWarnings(s *v1.ServiceSpec, p *field.Path) []string {
	var out []string
	ignored := func(set bool, name string) {
		if set {
			out = append(out, fmt.Sprintf("%s is ignored for headless services", p.Child(name)))
		}
	}
	ignored(s.LoadBalancerIP != "", "loadBalancerIP")
	ignored(len(s.ExternalIPs) > 0, "externalIPs")
	ignored(s.SessionAffinity == v1.ServiceAffinityClientIP, "SessionAffinity")
	return out
}

// ipWarnings speaks only of addresses that parse at all.
func ipWarnings(ip string, p *field.Path) []string {
	if net.ParseIPSloppy(ip) == nil {
		return nil
	}
	return validation.GetWarningsForIP(p, ip)
}
