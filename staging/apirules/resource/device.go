package resource

import (
	"encoding/json"
	"fmt"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidateDeviceClass reports faults of a new class.
func ValidateDeviceClass(c *resourcev1.DeviceClass) field.ErrorList {
	errs := meta.ClusterScoped(&c.ObjectMeta, meta.SubdomainName)
	p := field.NewPath("spec")
	errs = append(errs, deviceSelectors(c.Spec.Selectors, p.Child("selectors"))...)
	errs = append(errs, atMost(len(c.Spec.Config), resourcev1.DeviceConfigMaxSize, p.Child("config"))...)
	for i := range c.Spec.Config {
		errs = append(errs, configuration(&c.Spec.Config[i].DeviceConfiguration, p.Child("config").Index(i))...)
	}
	if n := c.Spec.ExtendedResourceName; n != nil {
		errs = append(errs, extendedName(*n, p.Child("extendedResourceName"))...)
	}
	return errs
}

// ValidateDeviceClassUpdate reports faults of a class that is to replace old.
func ValidateDeviceClassUpdate(newC, old *resourcev1.DeviceClass) field.ErrorList {
	return append(meta.Update(&newC.ObjectMeta, &old.ObjectMeta), ValidateDeviceClass(newC)...)
}

// extendedName wants the name of an extended resource, which has a domain that is not Kubernetes' own.
func extendedName(n string, p *field.Path) field.ErrorList {
	errs := meta.QualifiedName(n, p)
	domain, _, ok := strings.Cut(n, "/")
	if len(errs) == 0 && (!ok || domain == "kubernetes.io" || strings.HasSuffix(domain, ".kubernetes.io") || strings.HasPrefix(n, "requests.")) {
		errs = append(errs, field.Invalid(p, n, "must be a valid extended resource name"))
	}
	return errs
}

func deviceSelectors(selectors []resourcev1.DeviceSelector, p *field.Path) field.ErrorList {
	errs := atMost(len(selectors), resourcev1.DeviceSelectorsMaxSize, p)
	for i, s := range selectors {
		at := p.Index(i).Child("cel")
		switch {
		case s.CEL == nil:
			errs = append(errs, field.Required(at, ""))
		case s.CEL.Expression == "":
			errs = append(errs, field.Required(at.Child("expression"), ""))
		case len(s.CEL.Expression) > resourcev1.CELSelectorExpressionMaxLength:
			errs = append(errs, field.TooLong(at.Child("expression"), "", resourcev1.CELSelectorExpressionMaxLength))
		}
	}
	return errs
}

func configuration(c *resourcev1.DeviceConfiguration, p *field.Path) field.ErrorList {
	if c.Opaque == nil {
		return field.ErrorList{field.Required(p.Child("opaque"), "exactly one field must be set")}
	}
	p = p.Child("opaque")
	return append(driverName(c.Opaque.Driver, p.Child("driver")), rawObject(&c.Opaque.Parameters, true, p.Child("parameters"))...)
}

// rawObject wants a JSON object of moderate length.
func rawObject(r *runtime.RawExtension, required bool, p *field.Path) field.ErrorList {
	switch {
	case len(r.Raw) == 0 && required:
		return field.ErrorList{field.Required(p, "")}
	case len(r.Raw) == 0:
		return nil
	case len(r.Raw) > resourcev1.OpaqueParametersMaxLength:
		return field.ErrorList{field.TooLong(p, "", resourcev1.OpaqueParametersMaxLength)}
	}
	var v any
	if err := json.Unmarshal(r.Raw, &v); err != nil {
		return field.ErrorList{field.Invalid(p, "<value omitted>", fmt.Sprintf("error parsing data as JSON: %v", err.Error()))}
	}
	if _, ok := v.(map[string]any); !ok {
		return field.ErrorList{field.Invalid(p, "<value omitted>", "must be a valid JSON object")}
	}
	return nil
}

func driverName(n string, p *field.Path) field.ErrorList {
	if len(n) > resourcev1.DriverNameMaxLength {
		return field.ErrorList{field.TooLong(p, "", resourcev1.DriverNameMaxLength)}
	}
	return meta.DNSSubdomain(n, p)
}

// poolName wants subdomains that are separated by slashes.
func poolName(n string, p *field.Path) field.ErrorList {
	switch {
	case n == "":
		return field.ErrorList{field.Required(p, "")}
	case len(n) > resourcev1.PoolNameMaxLength:
		return field.ErrorList{field.TooLong(p, "", resourcev1.PoolNameMaxLength)}
	}
	var errs field.ErrorList
	for part := range strings.SplitSeq(n, "/") {
		errs = append(errs, meta.Invalid(part, p, validation.IsDNS1123Subdomain(part))...)
	}
	return errs
}

// qualified wants a C identifier, with a domain before a slash if it is not the driver's own.
func qualified(n string, p *field.Path) field.ErrorList {
	if n == "" {
		return field.ErrorList{field.Required(p, "name required")}
	}
	domain, id, ok := strings.Cut(n, "/")
	if !ok {
		domain, id = "", n
	}
	var errs field.ErrorList
	if ok {
		if len(domain) > resourcev1.DeviceMaxDomainLength {
			errs = append(errs, field.TooLong(p, "", resourcev1.DeviceMaxDomainLength))
		}
		errs = append(errs, meta.DNSSubdomain(domain, p)...)
	}
	if id == "" {
		return append(errs, field.Required(p, "the name must not be empty"))
	}
	if len(id) > resourcev1.DeviceMaxIDLength {
		errs = append(errs, field.TooLong(p, "", resourcev1.DeviceMaxIDLength))
	}
	return append(errs, meta.Invalid(id, p, validation.IsCIdentifier(id))...)
}

func atMost(n, limit int, p *field.Path) field.ErrorList {
	if n > limit {
		return field.ErrorList{field.TooMany(p, n, limit)}
	}
	return nil
}

// once reports a value that has been seen before.
func once(seen sets.Set[string], v string, p *field.Path) field.ErrorList {
	if seen.Has(v) {
		return field.ErrorList{field.Duplicate(p, v)}
	}
	seen.Insert(v)
	return nil
}
