package core

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Limits of a pod's resolv.conf.
const (
	maxNameservers     = 3
	maxSearchPaths     = 32
	maxSearchListChars = 2048
	maxHostname        = 64 // of Linux
)

// network rules a pod's name and how it resolves others'.
func (r *podRules) network(p *field.Path) field.ErrorList {
	s := r.spec
	errs := meta.OneOf(s.DNSPolicy, p.Child("dnsPolicy"),
		v1.DNSClusterFirstWithHostNet, v1.DNSClusterFirst, v1.DNSDefault, v1.DNSNone)
	errs = append(errs, r.dnsConfig(p.Child("dnsConfig"))...)
	if s.Hostname != "" {
		errs = append(errs, meta.Invalid(s.Hostname, p.Child("hostname"), validation.IsDNS1123Label(s.Hostname))...)
	}
	if s.Subdomain != "" {
		errs = append(errs, meta.Invalid(s.Subdomain, p.Child("subdomain"), validation.IsDNS1123Label(s.Subdomain))...)
	}
	errs = append(errs, r.hostnameOverride(p)...)
	for i := range s.HostAliases {
		a, ap := &s.HostAliases[i], p.Child("hostAliases").Index(i)
		errs = append(errs, r.legacyIP(a.IP, ap.Child("ip"))...)
		for _, name := range a.Hostnames {
			errs = append(errs, meta.Invalid(name, ap.Child("hostnames"), validation.IsDNS1123Subdomain(name))...)
		}
	}
	return errs
}

// hostnameOverride replaces every other way to name the pod (KEP-4762).
func (r *podRules) hostnameOverride(p *field.Path) field.ErrorList {
	s, hp := r.spec, p.Child("hostnameOverride")
	if s.HostnameOverride == nil {
		return nil
	}
	name := *s.HostnameOverride
	errs := meta.Invalid(name, hp, validation.IsDNS1123Subdomain(name))
	if len(name) > maxHostname {
		errs = append(errs, field.TooLong(hp, name, maxHostname))
	}
	if s.SetHostnameAsFQDN != nil && *s.SetHostnameAsFQDN {
		errs = append(errs, field.Forbidden(hp, "may not be specified when setHostnameAsFQDN is true"))
	}
	if s.HostNetwork {
		errs = append(errs, field.Forbidden(hp, "may not be specified when hostNetwork is true"))
	}
	return errs
}

func (r *podRules) dnsConfig(p *field.Path) field.ErrorList {
	c := r.spec.DNSConfig
	var errs field.ErrorList
	if r.spec.DNSPolicy == v1.DNSNone {
		if c == nil {
			return field.ErrorList{field.Required(p, fmt.Sprintf("must provide `dnsConfig` when `dnsPolicy` is %s", v1.DNSNone))}
		}
		if len(c.Nameservers) == 0 {
			return field.ErrorList{field.Required(p.Child("nameservers"), fmt.Sprintf("must provide at least one DNS nameserver when `dnsPolicy` is %s", v1.DNSNone))}
		}
	}
	if c == nil {
		return nil
	}
	if len(c.Nameservers) > maxNameservers {
		errs = append(errs, field.Invalid(p.Child("nameservers"), c.Nameservers, fmt.Sprintf("must not have more than %v nameservers", maxNameservers)))
	}
	for i, ns := range c.Nameservers {
		errs = append(errs, r.legacyIP(ns, p.Child("nameservers").Index(i))...)
	}
	errs = append(errs, searches(c.Searches, p.Child("searches"))...)
	for i, o := range c.Options {
		if o.Name == "" {
			errs = append(errs, field.Required(p.Child("options").Index(i), "must not be empty"))
		}
	}
	return errs
}

// searches takes underscores and a lone dot since 1.34 (KEP-4427).
func searches(list []string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(list) > maxSearchPaths {
		errs = append(errs, field.Invalid(p, list, fmt.Sprintf("must not have more than %v search paths", maxSearchPaths)))
	}
	if len(strings.Join(list, " ")) > maxSearchListChars {
		errs = append(errs, field.Invalid(p, list, fmt.Sprintf("must not have more than %v characters (including spaces) in the search list", maxSearchListChars)))
	}
	for i, s := range list {
		if s == "." {
			continue
		}
		s = strings.TrimSuffix(s, ".")
		errs = append(errs, meta.Invalid(s, p.Index(i), validation.IsDNS1123SubdomainWithUnderscore(s))...)
	}
	return errs
}
