package networking

import (
	"fmt"
	stdnet "net"

	networkingv1 "k8s.io/api/networking/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/net"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// addressName wants the name of an allocated address to be the address in its one spelling.
func addressName(name string, _ bool) []string {
	ip := net.ParseIPSloppy(name)
	if ip == nil {
		return []string{"must be a valid IP address"}
	}
	if ip.String() != name {
		return []string{fmt.Sprintf("must be in canonical form (%q)", ip.String())}
	}
	return nil
}

// ValidateIPAddress reports faults of a new allocated address.
func ValidateIPAddress(a *networkingv1.IPAddress) field.ErrorList {
	errs := meta.ClusterScoped(&a.ObjectMeta, addressName)
	return append(errs, parentRef(a.Spec.ParentRef, field.NewPath("spec"))...)
}

// parentRef says what an address was allocated for.
func parentRef(r *networkingv1.ParentReference, specPath *field.Path) field.ErrorList {
	p := specPath.Child("parentRef")
	if r == nil {
		return field.ErrorList{field.Required(p, "")}
	}
	var errs field.ErrorList
	if r.Group != "" {
		errs = append(errs, meta.Invalid(r.Group, p.Child("group"), validation.IsDNS1123Subdomain(r.Group))...)
	}
	errs = append(errs, segment(r.Resource, p.Child("resource"))...)
	errs = append(errs, segment(r.Name, p.Child("name"))...)
	if r.Namespace != "" {
		errs = append(errs, meta.Invalid(r.Namespace, p.Child("namespace"), meta.PathSegmentName(r.Namespace, false))...)
	}
	return errs
}

// ValidateIPAddressUpdate reports faults of an address that is to replace old; what it is for stays.
func ValidateIPAddressUpdate(newA, old *networkingv1.IPAddress) field.ErrorList {
	errs := meta.Update(&newA.ObjectMeta, &old.ObjectMeta)
	return append(errs, meta.Immutable(newA.Spec.ParentRef, old.Spec.ParentRef, field.NewPath("spec").Child("parentRef"))...)
}

// ValidateServiceCIDR reports faults of a new range of service addresses: one of each family, large enough to be useful.
func ValidateServiceCIDR(c *networkingv1.ServiceCIDR) field.ErrorList {
	errs := meta.ClusterScoped(&c.ObjectMeta, meta.SubdomainName)
	p := field.NewPath("spec", "cidrs")
	if len(c.Spec.CIDRs) == 0 {
		return append(errs, field.Required(p, "at least one CIDR required"))
	}
	if len(c.Spec.CIDRs) > 2 {
		return append(errs, field.Invalid(p, c.Spec.CIDRs, "may only hold up to 2 values"))
	}
	if len(c.Spec.CIDRs) == 2 {
		if dual, err := net.IsDualStackCIDRStrings(c.Spec.CIDRs); err != nil {
			errs = append(errs, field.Invalid(p, c.Spec.CIDRs, fmt.Sprintf("invalid CIDR(s): %v", err)))
		} else if !dual {
			errs = append(errs, field.Invalid(p, c.Spec.CIDRs, "may specify no more than one IP for each IP family"))
		}
	}
	for i, cidr := range c.Spec.CIDRs {
		errs = append(errs, serviceRange(cidr, p.Index(i))...)
	}
	return errs
}

func serviceRange(cidr string, p *field.Path) field.ErrorList {
	_, ipnet, err := stdnet.ParseCIDR(cidr)
	if err != nil {
		return field.ErrorList{field.Invalid(p, cidr, err.Error())}
	}
	if ipnet.String() != cidr {
		return field.ErrorList{field.Invalid(p, cidr, fmt.Sprintf("CIDR format is invalid, should be %q", ipnet.String()))}
	}
	if ones, bits := ipnet.Mask.Size(); bits-ones < 1 {
		return field.ErrorList{field.Invalid(p, cidr, "must contain at least two addresses")}
	}
	return nil
}

// ValidateServiceCIDRUpdate reports faults of a range that is to replace old: a single range may get one of the other
// family beside it, and nothing else changes.
func ValidateServiceCIDRUpdate(newC, old *networkingv1.ServiceCIDR) field.ErrorList {
	errs := meta.Update(&newC.ObjectMeta, &old.ObjectMeta)
	p := field.NewPath("spec", "cidrs")
	n, o := newC.Spec.CIDRs, old.Spec.CIDRs
	if len(o) == 1 && len(n) == 2 {
		if n[0] != o[0] {
			errs = append(errs, field.Invalid(p.Index(0), n[0], "field is immutable"))
		}
		return append(errs, ValidateServiceCIDR(newC)...)
	}
	if !apiequality.Semantic.DeepEqual(n, o) {
		errs = append(errs, field.Invalid(p, n, "field is immutable"))
	}
	return errs
}

// ValidateServiceCIDRStatusUpdate rules what the range's controller reports.
func ValidateServiceCIDRStatusUpdate(newC, old *networkingv1.ServiceCIDR) field.ErrorList {
	return meta.Update(&newC.ObjectMeta, &old.ObjectMeta)
}
