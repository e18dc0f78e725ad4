package meta

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The longest host part (two subdomains are joined for node-scoped signers) and the longest path of a signer name.
const (
	maxSignerDomain = validation.DNS1123SubdomainMaxLength
	maxSignerPath   = validation.DNS1123SubdomainMaxLength*2 + 64
)

// SignerName reports a name of a certificate signer that is not <domain>/<path>.
func SignerName(name string, p *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	domain, path, found := strings.Cut(name, "/")
	if !found || strings.Contains(path, "/") {
		return field.ErrorList{field.Invalid(p, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")}
	}
	var errs field.ErrorList
	if len(strings.Split(domain, ".")) < 2 {
		errs = append(errs, field.Invalid(p, domain, "should be a domain with at least two segments separated by dots"))
	}
	if len(domain) > maxSignerDomain {
		errs = append(errs, field.TooLong(p, domain, maxSignerDomain))
	}
	for _, msg := range validation.IsDNS1123Subdomain(domain) {
		errs = append(errs, field.Invalid(p, domain, fmt.Sprintf("validating domain: %s", msg)))
	}
	if path == "" {
		return append(errs, field.Invalid(p, path, "validating label: must be non-empty"))
	}
	if len(path) > maxSignerPath {
		errs = append(errs, field.TooLong(p, path, maxSignerPath))
	}
	for _, label := range strings.Split(path, ".") {
		for _, msg := range validation.IsDNS1123Subdomain(label) {
			errs = append(errs, field.Invalid(p, path, fmt.Sprintf("validating label %q: %s", label, msg)))
		}
	}
	return errs
}

// IsKubernetesSigner tells whether a signer is one of Kubernetes' own.
func IsKubernetesSigner(name string) bool {
	domain, _, _ := strings.Cut(name, "/")
	return domain == "kubernetes.io" || strings.HasSuffix(domain, ".kubernetes.io")
}
