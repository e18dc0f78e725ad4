package discovery

import (
	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/net"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/core"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Limits of a slice.
const (
	maxEndpoints    = 1000
	maxPorts        = 20000
	maxAddresses    = 100
	maxTopologyKeys = 16
	maxZoneHints    = 8
	maxNodeHints    = 8
)

// SetEndpointSliceDefaults gives ports an empty name and TCP where they have neither.
func SetEndpointSliceDefaults(s *discoveryv1.EndpointSlice) {
	for i := range s.Ports {
		if s.Ports[i].Name == nil {
			s.Ports[i].Name = ptr.To("")
		}
		if s.Ports[i].Protocol == nil {
			s.Ports[i].Protocol = ptr.To(v1.ProtocolTCP)
		}
	}
}

// ValidateEndpointSlice reports faults of a new slice.
func ValidateEndpointSlice(s *discoveryv1.EndpointSlice) field.ErrorList {
	return validate(s, nil)
}

// ValidateEndpointSliceUpdate reports faults of a slice that is to replace old; its address type stays.
func ValidateEndpointSliceUpdate(newS, old *discoveryv1.EndpointSlice) field.ErrorList {
	errs := meta.Update(&newS.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, validate(newS, old)...)
	return append(errs, meta.Immutable(newS.AddressType, old.AddressType, field.NewPath("addressType"))...)
}

func validate(s, old *discoveryv1.EndpointSlice) field.ErrorList {
	errs := meta.Namespaced(&s.ObjectMeta, meta.SubdomainName)
	errs = append(errs, meta.OneOf(s.AddressType, field.NewPath("addressType"),
		discoveryv1.AddressTypeFQDN, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6)...)
	ep := field.NewPath("endpoints")
	var was []string
	if old != nil {
		for _, e := range old.Endpoints {
			was = append(was, e.Addresses...)
		}
	}
	if n := len(s.Endpoints); n > maxEndpoints {
		errs = append(errs, field.TooMany(ep, n, maxEndpoints))
	} else {
		for i := range s.Endpoints {
			errs = append(errs, endpoint(&s.Endpoints[i], s.AddressType, was, ep.Index(i))...)
		}
	}
	return append(errs, ports(s.Ports, field.NewPath("ports"))...)
}

func endpoint(e *discoveryv1.Endpoint, t discoveryv1.AddressType, was []string, p *field.Path) field.ErrorList {
	ap := p.Child("addresses")
	var errs field.ErrorList
	switch n := len(e.Addresses); {
	case n == 0:
		errs = append(errs, field.Required(ap, "must contain at least 1 address"))
	case n > maxAddresses:
		errs = append(errs, field.TooMany(ap, n, maxAddresses))
	}
	for i, a := range e.Addresses {
		errs = append(errs, address(a, t, was, ap.Index(i))...)
	}
	if e.NodeName != nil {
		errs = append(errs, meta.Invalid(*e.NodeName, p.Child("nodeName"), validation.IsDNS1123Subdomain(*e.NodeName))...)
	}
	errs = append(errs, topology(e.DeprecatedTopology, p.Child("deprecatedTopology"))...)
	if e.Hostname != nil {
		errs = append(errs, meta.DNSLabel(*e.Hostname, p.Child("hostname"))...)
	}
	if e.Hints != nil {
		errs = append(errs, hints(e.Hints, p.Child("hints"))...)
	}
	return errs
}

func address(a string, t discoveryv1.AddressType, was []string, p *field.Path) field.ErrorList {
	switch t {
	case discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6:
		if errs := validation.IsValidIPForLegacyField(p, a, true, was); len(errs) > 0 {
			return errs
		}
		if v6 := net.IsIPv6String(a); v6 != (t == discoveryv1.AddressTypeIPv6) {
			words := "must be an IPv4 address"
			if t == discoveryv1.AddressTypeIPv6 {
				words = "must be an IPv6 address"
			}
			return field.ErrorList{field.Invalid(p, a, words)}
		}
		return core.NonSpecialIP(a, p)
	case discoveryv1.AddressTypeFQDN:
		return validation.IsFullyQualifiedDomainName(p, a)
	}
	return nil // the type is reported itself
}

// topology is what clients of older versions wrote; the host name has its field.
func topology(t map[string]string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if n := len(t); n > maxTopologyKeys {
		errs = append(errs, field.TooMany(p, n, maxTopologyKeys))
	}
	errs = append(errs, meta.Labels(t, p)...)
	if v, ok := t[v1.LabelHostname]; ok {
		errs = append(errs, field.Invalid(p.Key(v1.LabelHostname), v, "may not be set; use nodeName"))
	}
	return errs
}

func hints(h *discoveryv1.EndpointHints, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	zp := p.Child("forZones")
	if n := len(h.ForZones); n > maxZoneHints {
		return field.ErrorList{field.TooMany(zp, n, maxZoneHints)}
	}
	zones := sets.New[string]()
	for i, z := range h.ForZones {
		np := zp.Index(i).Child("name")
		if zones.Has(z.Name) {
			errs = append(errs, field.Duplicate(np, z.Name))
			continue
		}
		zones.Insert(z.Name)
		errs = append(errs, meta.Invalid(z.Name, np, validation.IsValidLabelValue(z.Name))...)
	}
	fp := p.Child("forNodes")
	if n := len(h.ForNodes); n > maxNodeHints {
		return append(errs, field.TooMany(fp, n, maxNodeHints))
	}
	nodes := sets.New[string]()
	for i, n := range h.ForNodes {
		np := fp.Index(i).Child("name")
		if nodes.Has(n.Name) {
			errs = append(errs, field.Duplicate(np, n.Name))
			continue
		}
		nodes.Insert(n.Name)
		errs = append(errs, meta.Invalid(n.Name, np, validation.IsDNS1123Subdomain(n.Name))...)
	}
	return errs
}

func ports(list []discoveryv1.EndpointPort, p *field.Path) field.ErrorList {
	if n := len(list); n > maxPorts {
		return field.ErrorList{field.TooMany(p, n, maxPorts)}
	}
	var errs field.ErrorList
	names := sets.New[string]()
	for i := range list {
		port, pp := &list[i], p.Index(i)
		name := ptr.Deref(port.Name, "")
		if name != "" {
			errs = append(errs, meta.DNSLabel(name, pp.Child("name"))...)
		}
		if names.Has(name) {
			errs = append(errs, field.Duplicate(pp.Child("name"), name))
		}
		names.Insert(name)
		if port.Protocol == nil {
			errs = append(errs, field.Required(pp.Child("protocol"), ""))
		} else {
			errs = append(errs, meta.In(*port.Protocol, pp.Child("protocol"), v1.ProtocolSCTP, v1.ProtocolTCP, v1.ProtocolUDP)...)
		}
		if port.AppProtocol != nil {
			errs = append(errs, meta.QualifiedName(*port.AppProtocol, pp.Child("appProtocol"))...)
		}
	}
	return errs
}

// EndpointSliceWarnings tells of addresses in odd spellings and of names for addresses, which nothing reads.
func EndpointSliceWarnings(newS, _ *discoveryv1.EndpointSlice) []string {
	if newS.AddressType == discoveryv1.AddressTypeFQDN {
		return []string{field.NewPath("addressType").String() + ": FQDN endpoints are deprecated"}
	}
	var out []string
	for i, e := range newS.Endpoints {
		for j, a := range e.Addresses {
			if net.ParseIPSloppy(a) != nil {
				out = append(out, validation.GetWarningsForIP(field.NewPath("endpoints").Index(i).Child("addresses").Index(j), a)...)
			}
		}
	}
	return out
}
