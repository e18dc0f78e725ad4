package networking

import (
	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/net"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// SetNetworkPolicyDefaults makes ports TCP, and a policy one of ingress, and of egress where it has such rules.
func SetNetworkPolicyDefaults(p *networkingv1.NetworkPolicy) {
	tcp := func(ports []networkingv1.NetworkPolicyPort) {
		for i := range ports {
			if ports[i].Protocol == nil {
				ports[i].Protocol = ptr.To(v1.ProtocolTCP)
			}
		}
	}
	for i := range p.Spec.Ingress {
		tcp(p.Spec.Ingress[i].Ports)
	}
	for i := range p.Spec.Egress {
		tcp(p.Spec.Egress[i].Ports)
	}
	if len(p.Spec.PolicyTypes) == 0 {
		p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(p.Spec.Egress) > 0 {
			p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
}

// policyRules holds what an older policy is forgiven.
type policyRules struct {
	selectorValues bool
	cidrs          []string
}

// ValidateNetworkPolicy reports faults of a new policy.
func ValidateNetworkPolicy(p *networkingv1.NetworkPolicy) field.ErrorList {
	r := policyRules{}
	return append(meta.Namespaced(&p.ObjectMeta, meta.SubdomainName), r.spec(&p.Spec, field.NewPath("spec"))...)
}

// ValidateNetworkPolicyUpdate reports faults of a policy that is to replace old.
func ValidateNetworkPolicyUpdate(newP, old *networkingv1.NetworkPolicy) field.ErrorList {
	r := policyRules{selectorValues: meta.SelectorHasInvalidValue(&old.Spec.PodSelector)}
	peers := func(list []networkingv1.NetworkPolicyPeer) {
		for i := range list {
			r.selectorValues = r.selectorValues || meta.SelectorHasInvalidValue(list[i].PodSelector) || meta.SelectorHasInvalidValue(list[i].NamespaceSelector)
			if b := list[i].IPBlock; b != nil {
				r.cidrs = append(append(r.cidrs, b.CIDR), b.Except...)
			}
		}
	}
	for i := range old.Spec.Ingress {
		peers(old.Spec.Ingress[i].From)
	}
	for i := range old.Spec.Egress {
		peers(old.Spec.Egress[i].To)
	}
	return append(meta.Update(&newP.ObjectMeta, &old.ObjectMeta), r.spec(&newP.Spec, field.NewPath("spec"))...)
}

func (r *policyRules) spec(s *networkingv1.NetworkPolicySpec, p *field.Path) field.ErrorList {
	errs := meta.Selector(&s.PodSelector, p.Child("podSelector"), r.selectorValues)
	for i := range s.Ingress {
		ip := p.Child("ingress").Index(i)
		errs = append(errs, policyPorts(s.Ingress[i].Ports, ip.Child("ports"))...)
		errs = append(errs, r.peers(s.Ingress[i].From, ip.Child("from"))...)
	}
	for i := range s.Egress {
		ep := p.Child("egress").Index(i)
		errs = append(errs, policyPorts(s.Egress[i].Ports, ep.Child("ports"))...)
		errs = append(errs, r.peers(s.Egress[i].To, ep.Child("to"))...)
	}
	tp := p.Child("policyTypes")
	if len(s.PolicyTypes) > 2 {
		return append(errs, field.Invalid(tp, &s.PolicyTypes, "may not specify more than two policyTypes"))
	}
	for i, t := range s.PolicyTypes {
		errs = append(errs, meta.In(t, tp.Index(i), networkingv1.PolicyTypeEgress, networkingv1.PolicyTypeIngress)...)
	}
	return errs
}

func policyPorts(ports []networkingv1.NetworkPolicyPort, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range ports {
		errs = append(errs, policyPort(&ports[i], p.Index(i))...)
	}
	return errs
}

func policyPort(port *networkingv1.NetworkPolicyPort, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if port.Protocol != nil {
		errs = append(errs, meta.In(*port.Protocol, p.Child("protocol"), v1.ProtocolSCTP, v1.ProtocolTCP, v1.ProtocolUDP)...)
	}
	if port.Port == nil {
		if port.EndPort != nil {
			errs = append(errs, field.Required(p.Child("port"), "must be specified when `endPort` is specified"))
		}
		return errs
	}
	errs = append(errs, meta.PortNumOrName(*port.Port, p.Child("port"))...)
	if port.EndPort == nil {
		return errs
	}
	ep := p.Child("endPort")
	if port.Port.Type == intstr.String {
		return append(errs, field.Invalid(ep, *port.EndPort, "may not be specified when `port` is non-numeric"))
	}
	if *port.EndPort < port.Port.IntVal {
		errs = append(errs, field.Invalid(ep, *port.EndPort, "must be greater than or equal to `port`"))
	}
	return append(errs, meta.Invalid(*port.EndPort, ep, validation.IsValidPortNum(int(*port.EndPort)))...)
}

func (r *policyRules) peers(list []networkingv1.NetworkPolicyPeer, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range list {
		peer, pp := &list[i], p.Index(i)
		errs = append(errs, meta.Selector(peer.PodSelector, pp.Child("podSelector"), r.selectorValues)...)
		errs = append(errs, meta.Selector(peer.NamespaceSelector, pp.Child("namespaceSelector"), r.selectorValues)...)
		selects := peer.PodSelector != nil || peer.NamespaceSelector != nil
		switch {
		case peer.IPBlock == nil && !selects:
			errs = append(errs, field.Required(pp, "must specify a peer"))
		case peer.IPBlock != nil && selects:
			errs = append(errs, field.Forbidden(pp, "may not specify both ipBlock and another peer"))
		}
		if peer.IPBlock != nil {
			errs = append(errs, r.ipBlock(peer.IPBlock, pp.Child("ipBlock"))...)
		}
	}
	return errs
}

// ipBlock wants exceptions to lie within the block, and not to be all of it.
func (r *policyRules) ipBlock(b *networkingv1.IPBlock, p *field.Path) field.ErrorList {
	if b.CIDR == "" {
		return field.ErrorList{field.Required(p.Child("cidr"), "")}
	}
	errs := validation.IsValidCIDRForLegacyField(p.Child("cidr"), b.CIDR, true, r.cidrs)
	_, block, err := net.ParseCIDRSloppy(b.CIDR)
	if err != nil {
		return errs
	}
	for i, e := range b.Except {
		ep := p.Child("except").Index(i)
		errs = append(errs, validation.IsValidCIDRForLegacyField(ep, e, true, r.cidrs)...)
		_, except, err := net.ParseCIDRSloppy(e)
		if err != nil {
			continue
		}
		blockSize, _ := block.Mask.Size()
		exceptSize, _ := except.Mask.Size()
		if !block.Contains(except.IP) || blockSize >= exceptSize {
			errs = append(errs, field.Invalid(ep, e, "must be a strict subset of `cidr`"))
		}
	}
	return errs
}

// NetworkPolicyWarnings tells of ranges in odd spellings.
func NetworkPolicyWarnings(newP, _ *networkingv1.NetworkPolicy) []string {
	var out []string
	peers := func(list []networkingv1.NetworkPolicyPeer, p *field.Path) {
		for i := range list {
			b := list[i].IPBlock
			if b == nil {
				continue
			}
			for j, c := range append([]string{b.CIDR}, b.Except...) {
				cp := p.Index(i).Child("ipBlock", "cidr")
				if j > 0 {
					cp = p.Index(i).Child("ipBlock", "except").Index(j - 1)
				}
				if _, _, err := net.ParseCIDRSloppy(c); err == nil {
					out = append(out, validation.GetWarningsForCIDR(cp, c)...)
				}
			}
		}
	}
	for i := range newP.Spec.Ingress {
		peers(newP.Spec.Ingress[i].From, field.NewPath("spec", "ingress").Index(i).Child("from"))
	}
	for i := range newP.Spec.Egress {
		peers(newP.Spec.Egress[i].To, field.NewPath("spec", "egress").Index(i).Child("to"))
	}
	return out
}
