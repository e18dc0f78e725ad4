package networking

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/net"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ingressClassAnnotation named the class before there was a field for it.
const ingressClassAnnotation = "kubernetes.io/ingress.class"

// ValidateIngress reports faults of a new ingress.
func ValidateIngress(in *networkingv1.Ingress) field.ErrorList {
	errs := ingress(in, nil)
	class, ok := in.Annotations[ingressClassAnnotation]
	if ok && in.Spec.IngressClassName != nil && class != *in.Spec.IngressClassName {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "annotations").Child(ingressClassAnnotation), class,
			"must match `ingressClassName` when both are specified"))
	}
	return errs
}

// ValidateIngressUpdate reports faults of an ingress that is to replace old.
func ValidateIngressUpdate(newIn, old *networkingv1.Ingress) field.ErrorList {
	return append(meta.Update(&newIn.ObjectMeta, &old.ObjectMeta), ingress(newIn, old)...)
}

func ingress(in, old *networkingv1.Ingress) field.ErrorList {
	errs := meta.Namespaced(&in.ObjectMeta, meta.SubdomainName)
	p, s := field.NewPath("spec"), &in.Spec
	if len(s.Rules) == 0 && s.DefaultBackend == nil {
		errs = append(errs, field.Invalid(p, s.Rules, "either `defaultBackend` or `rules` must be specified"))
	}
	if s.DefaultBackend != nil {
		errs = append(errs, backend(s.DefaultBackend, p.Child("defaultBackend"))...)
	}
	oddWildcards := hasOddWildcard(old)
	for i := range s.Rules {
		errs = append(errs, ingressRule(&s.Rules[i], oddWildcards, p.Child("rules").Index(i))...)
	}
	for i := range s.TLS {
		errs = append(errs, ingressTLS(&s.TLS[i], old, p.Child("tls").Index(i))...)
	}
	if c := s.IngressClassName; c != nil {
		errs = append(errs, meta.Invalid(*c, p.Child("ingressClassName"), validation.IsDNS1123Subdomain(*c))...)
	}
	return errs
}

// host takes a name or a wildcard of one level.
func host(name string, p *field.Path) field.ErrorList {
	if strings.Contains(name, "*") {
		return meta.Invalid(name, p, validation.IsWildcardDNS1123Subdomain(name))
	}
	return meta.Invalid(name, p, validation.IsDNS1123Subdomain(name))
}

func ingressTLS(t *networkingv1.IngressTLS, old *networkingv1.Ingress, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, name := range t.Hosts {
		errs = append(errs, host(name, p.Child("hosts").Index(i))...)
	}
	tolerate := false
	if old != nil {
		for _, o := range old.Spec.TLS {
			tolerate = tolerate || o.SecretName == t.SecretName
		}
	}
	if t.SecretName != "" && !tolerate {
		errs = append(errs, meta.Invalid(t.SecretName, p.Child("secretName"), validation.IsDNS1123Subdomain(t.SecretName))...)
	}
	return errs
}

// hasOddWildcard says whether a stored ingress has a rule of a wildcard host whose paths older releases did not look at.
func hasOddWildcard(old *networkingv1.Ingress) bool {
	if old == nil {
		return false
	}
	for i := range old.Spec.Rules {
		r := &old.Spec.Rules[i]
		if strings.Contains(r.Host, "*") && len(ingressPaths(r, nil)) > 0 {
			return true
		}
	}
	return false
}

// ingressRule rules a rule; oddWildcards keeps the paths of wildcard hosts as they are.
func ingressRule(r *networkingv1.IngressRule, oddWildcards bool, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if r.Host != "" {
		if net.ParseIPSloppy(r.Host) != nil {
			errs = append(errs, field.Invalid(p.Child("host"), r.Host, "must be a DNS name, not an IP address"))
		}
		errs = append(errs, host(r.Host, p.Child("host"))...)
	}
	if oddWildcards && strings.Contains(r.Host, "*") {
		return errs
	}
	return append(errs, ingressPaths(r, p)...)
}

func ingressPaths(r *networkingv1.IngressRule, p *field.Path) field.ErrorList {
	if r.HTTP == nil {
		return nil
	}
	var errs field.ErrorList
	pp := p.Child("http", "paths")
	if len(r.HTTP.Paths) == 0 {
		errs = append(errs, field.Required(pp, ""))
	}
	for i := range r.HTTP.Paths {
		errs = append(errs, httpPath(&r.HTTP.Paths[i], pp.Index(i))...)
	}
	return errs
}

func httpPath(h *networkingv1.HTTPIngressPath, p *field.Path) field.ErrorList {
	if h.PathType == nil {
		return field.ErrorList{field.Required(p.Child("pathType"), "pathType must be specified")}
	}
	var errs field.ErrorList
	switch *h.PathType {
	case networkingv1.PathTypeExact, networkingv1.PathTypePrefix:
		errs = append(errs, exactPath(h.Path, p.Child("path"))...)
	case networkingv1.PathTypeImplementationSpecific:
		if h.Path != "" && !strings.HasPrefix(h.Path, "/") {
			errs = append(errs, field.Invalid(p.Child("path"), h.Path, "must be an absolute path"))
		}
	default:
		errs = append(errs, field.NotSupported(p.Child("pathType"), *h.PathType, []networkingv1.PathType{
			networkingv1.PathTypeExact, networkingv1.PathTypePrefix, networkingv1.PathTypeImplementationSpecific}))
	}
	return append(errs, backend(&h.Backend, p.Child("backend"))...)
}

// exactPath keeps out what proxies resolve or decode in different ways.
func exactPath(path string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if !strings.HasPrefix(path, "/") {
		errs = append(errs, field.Invalid(p, path, "must be an absolute path"))
	}
	if path == "" {
		return errs
	}
	for _, bad := range []string{"//", "/./", "/../", "%2f", "%2F"} {
		if strings.Contains(path, bad) {
			errs = append(errs, field.Invalid(p, path, "must not contain '"+bad+"'"))
		}
	}
	for _, bad := range []string{"/..", "/."} {
		if strings.HasSuffix(path, bad) {
			errs = append(errs, field.Invalid(p, path, "cannot end with '"+bad+"'"))
		}
	}
	return errs
}

// backend is a service's port or another object.
func backend(b *networkingv1.IngressBackend, p *field.Path) field.ErrorList {
	switch {
	case b.Resource != nil && b.Service != nil:
		return field.ErrorList{field.Invalid(p, "", "cannot set both resource and service backends")}
	case b.Resource != nil:
		return resourceBackend(b.Resource, p.Child("resource"))
	case b.Service == nil:
		return field.ErrorList{field.Invalid(p, "", "resource or service backend is required")}
	}
	var errs field.ErrorList
	sp := p.Child("service")
	if b.Service.Name == "" {
		errs = append(errs, field.Required(sp.Child("name"), ""))
	} else {
		errs = append(errs, meta.Invalid(b.Service.Name, sp.Child("name"), validation.IsDNS1123Label(b.Service.Name))...)
	}
	port := b.Service.Port
	switch {
	case port.Name != "" && port.Number != 0:
		errs = append(errs, field.Invalid(p, "", "cannot set both port name & port number"))
	case port.Name != "":
		errs = append(errs, meta.Invalid(port.Name, sp.Child("port", "name"), validation.IsValidPortName(port.Name))...)
	case port.Number != 0:
		errs = append(errs, meta.Invalid(port.Number, sp.Child("port", "number"), validation.IsValidPortNum(int(port.Number)))...)
	default:
		errs = append(errs, field.Required(p, "port name or number is required"))
	}
	return errs
}

func resourceBackend(r *v1.TypedLocalObjectReference, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if r.APIGroup == nil {
		errs = append(errs, field.Required(p.Child("apiGroup"), ""))
	} else if *r.APIGroup != "" {
		errs = append(errs, meta.Invalid(*r.APIGroup, p.Child("apiGroup"), validation.IsDNS1123Subdomain(*r.APIGroup))...)
	}
	errs = append(errs, segment(r.Kind, p.Child("kind"))...)
	return append(errs, segment(r.Name, p.Child("name"))...)
}

func segment(v string, p *field.Path) field.ErrorList {
	if v == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	return meta.Invalid(v, p, meta.PathSegmentName(v, false))
}

// ValidateIngressStatusUpdate rules what ingress controllers report.
func ValidateIngressStatusUpdate(newIn, old *networkingv1.Ingress) field.ErrorList {
	errs := meta.Update(&newIn.ObjectMeta, &old.ObjectMeta)
	var was []string
	for _, i := range old.Status.LoadBalancer.Ingress {
		was = append(was, i.IP)
	}
	for i, in := range newIn.Status.LoadBalancer.Ingress {
		p := field.NewPath("status", "loadBalancer", "ingress").Index(i)
		if in.IP != "" {
			errs = append(errs, validation.IsValidIPForLegacyField(p.Child("ip"), in.IP, true, was)...)
		}
		if in.Hostname != "" {
			errs = append(errs, meta.Invalid(in.Hostname, p.Child("hostname"), validation.IsDNS1123Subdomain(in.Hostname))...)
			if net.ParseIPSloppy(in.Hostname) != nil {
				errs = append(errs, field.Invalid(p.Child("hostname"), in.Hostname, "must be a DNS name, not an IP address"))
			}
		}
	}
	return errs
}

// IngressWarnings tells of the annotation that a field has taken the place of.
func IngressWarnings(newIn, old *networkingv1.Ingress) []string {
	if _, ok := newIn.Annotations[ingressClassAnnotation]; ok && old == nil {
		return []string{"annotation \"" + ingressClassAnnotation + "\" is deprecated, please use 'spec.ingressClassName' instead"}
	}
	return nil
}

// SetIngressClassDefaults makes parameters those of the whole cluster.
func SetIngressClassDefaults(c *networkingv1.IngressClass) {
	if p := c.Spec.Parameters; p != nil && p.Scope == nil {
		p.Scope = ptr.To(networkingv1.IngressClassParametersReferenceScopeCluster)
	}
}

// maxController bounds the name of an ingress controller.
const maxController = 250

// ValidateIngressClass reports faults of a new class.
func ValidateIngressClass(c *networkingv1.IngressClass) field.ErrorList {
	errs := meta.ClusterScoped(&c.ObjectMeta, meta.SubdomainName)
	p := field.NewPath("spec")
	if len(c.Spec.Controller) > maxController {
		errs = append(errs, field.TooLong(p.Child("controller"), c.Spec.Controller, maxController))
	}
	errs = append(errs, validation.IsDomainPrefixedPath(p.Child("controller"), c.Spec.Controller)...)
	if r := c.Spec.Parameters; r != nil {
		errs = append(errs, classParameters(r, p.Child("parameters"))...)
	}
	return errs
}

func classParameters(r *networkingv1.IngressClassParametersReference, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if g := r.APIGroup; g != nil {
		errs = append(errs, meta.Invalid(*g, p.Child("apiGroup"), validation.IsDNS1123Subdomain(*g))...)
	}
	errs = append(errs, segment(r.Kind, p.Child("kind"))...)
	errs = append(errs, segment(r.Name, p.Child("name"))...)
	if r.Scope == nil {
		return append(errs, field.Required(p.Child("scope"), ""))
	}
	namespaced := *r.Scope == networkingv1.IngressClassParametersReferenceScopeNamespace
	errs = append(errs, meta.In(*r.Scope, p.Child("scope"),
		networkingv1.IngressClassParametersReferenceScopeCluster, networkingv1.IngressClassParametersReferenceScopeNamespace)...)
	switch {
	case namespaced && ptr.Deref(r.Namespace, "") == "":
		errs = append(errs, field.Required(p.Child("namespace"), "`parameters.scope` is set to 'Namespace'"))
	case namespaced:
		errs = append(errs, meta.Invalid(*r.Namespace, p.Child("namespace"), validation.IsDNS1123Label(*r.Namespace))...)
	case r.Namespace != nil && *r.Scope == networkingv1.IngressClassParametersReferenceScopeCluster:
		errs = append(errs, field.Forbidden(p.Child("namespace"), "`parameters.scope` is set to 'Cluster'"))
	}
	return errs
}

// ValidateIngressClassUpdate reports faults of a class that is to replace old; its controller stays.
func ValidateIngressClassUpdate(newC, old *networkingv1.IngressClass) field.ErrorList {
	errs := meta.Update(&newC.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, meta.Immutable(newC.Spec.Controller, old.Spec.Controller, field.NewPath("spec", "controller"))...)
	return append(errs, ValidateIngressClass(newC)...)
}
