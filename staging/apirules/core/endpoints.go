package core

import (
	"reflect"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// SetEndpointsDefaults makes ports without a protocol TCP.
func SetEndpointsDefaults(e *v1.Endpoints) {
	for i := range e.Subsets {
		for j := range e.Subsets[i].Ports {
			orElse(&e.Subsets[i].Ports[j].Protocol, v1.ProtocolTCP)
		}
	}
}

// ValidateEndpoints reports faults of new endpoints.
func ValidateEndpoints(e *v1.Endpoints) field.ErrorList { return validateEndpoints(e, nil) }

func validateEndpoints(e, old *v1.Endpoints) field.ErrorList {
	errs := meta.Namespaced(&e.ObjectMeta, meta.SubdomainName)
	if old == nil || !reflect.DeepEqual(e.Subsets, old.Subsets) {
		was := endpointIPs(old)
		for i := range e.Subsets {
			errs = append(errs, subset(&e.Subsets[i], was, field.NewPath("subsets").Index(i))...)
		}
	}
	return errs
}

func endpointIPs(e *v1.Endpoints) []string {
	if e == nil {
		return nil
	}
	var out []string
	for _, s := range e.Subsets {
		for _, a := range s.Addresses {
			out = append(out, a.IP)
		}
		for _, a := range s.NotReadyAddresses {
			out = append(out, a.IP)
		}
	}
	return out
}

func subset(s *v1.EndpointSubset, was []string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(s.Addresses) == 0 && len(s.NotReadyAddresses) == 0 {
		errs = append(errs, field.Required(p, "must specify `addresses` or `notReadyAddresses`"))
	}
	for i := range s.Addresses {
		errs = append(errs, endpointAddress(&s.Addresses[i], was, p.Child("addresses").Index(i))...)
	}
	for i := range s.NotReadyAddresses {
		errs = append(errs, endpointAddress(&s.NotReadyAddresses[i], was, p.Child("notReadyAddresses").Index(i))...)
	}
	names := sets.New[string]()
	for i := range s.Ports {
		port, pp := &s.Ports[i], p.Child("ports").Index(i)
		switch {
		case port.Name == "" && len(s.Ports) > 1:
			errs = append(errs, field.Required(pp.Child("name"), ""))
		case port.Name != "":
			errs = append(errs, meta.DNSLabel(port.Name, pp.Child("name"))...)
		}
		if port.Name != "" && names.Has(port.Name) {
			errs = append(errs, duplicateName(pp, port.Name))
		}
		names.Insert(port.Name)
		errs = append(errs, meta.Invalid(port.Port, pp.Child("port"), validation.IsValidPortNum(int(port.Port)))...)
		errs = append(errs, meta.OneOf(port.Protocol, pp.Child("protocol"), protocols...)...)
		if port.AppProtocol != nil {
			errs = append(errs, meta.QualifiedName(*port.AppProtocol, pp.Child("appProtocol"))...)
		}
	}
	return errs
}

func endpointAddress(a *v1.EndpointAddress, was []string, p *field.Path) field.ErrorList {
	errs := validation.IsValidIPForLegacyField(p.Child("ip"), a.IP, true, was)
	if a.Hostname != "" {
		errs = append(errs, meta.DNSLabel(a.Hostname, p.Child("hostname"))...)
	}
	if a.NodeName != nil {
		errs = append(errs, meta.Invalid(*a.NodeName, p.Child("nodeName"), validation.IsDNS1123Subdomain(*a.NodeName))...)
	}
	if len(errs) > 0 {
		return errs
	}
	return nonSpecialIP(a.IP, p.Child("ip"))
}

// ValidateEndpointsUpdate reports faults of endpoints that are to replace old.
func ValidateEndpointsUpdate(newE, old *v1.Endpoints) field.ErrorList {
	return append(meta.Update(&newE.ObjectMeta, &old.ObjectMeta), validateEndpoints(newE, old)...)
}

// EndpointsWarnings tells of the kind's deprecation and of addresses in odd spellings.
func EndpointsWarnings(newE, old *v1.Endpoints) []string {
	if old != nil && reflect.DeepEqual(newE.Subsets, old.Subsets) {
		return nil
	}
	var out []string
	for i, s := range newE.Subsets {
		for j, a := range s.Addresses {
			out = append(out, ipWarnings(a.IP, field.NewPath("subsets").Index(i).Child("addresses").Index(j).Child("ip"))...)
		}
		for j, a := range s.NotReadyAddresses {
			out = append(out, ipWarnings(a.IP, field.NewPath("subsets").Index(i).Child("notReadyAddresses").Index(j).Child("ip"))...)
		}
	}
	return out
}
