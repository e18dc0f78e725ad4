package certificates

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// minExpiration is the shortest life of a certificate that can be asked for, in seconds.
const minExpiration = 600

// What PEM blocks are called.
const (
	requestBlock     = "CERTIFICATE REQUEST"
	certificateBlock = "CERTIFICATE"
)

// ValidateCertificateSigningRequest reports faults of a new request, which has no conditions yet.
func ValidateCertificateSigningRequest(r *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := meta.ClusterScoped(&r.ObjectMeta, func(string, bool) []string { return nil })
	p, s := field.NewPath("spec"), &r.Spec
	errs = append(errs, request(s.Request, p.Child("request"))...)
	if len(s.Usages) == 0 {
		errs = append(errs, field.Required(p.Child("usages"), "usages is required"))
	}
	errs = append(errs, usages(s.Usages, p.Child("usages"))...)
	errs = append(errs, meta.SignerName(s.SignerName, p.Child("signerName"))...)
	if v := s.ExpirationSeconds; v != nil && *v < minExpiration {
		errs = append(errs, field.Invalid(p.Child("expirationSeconds"), *v, "may not specify a duration less than 600 seconds (10 minutes)"))
	}
	return append(errs, conditions(r, nil)...)
}

func request(data []byte, p *field.Path) field.ErrorList {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != requestBlock {
		return field.ErrorList{field.Invalid(p, data, "PEM block type must be CERTIFICATE REQUEST")}
	}
	if _, err := x509.ParseCertificateRequest(block.Bytes); err != nil {
		return field.ErrorList{field.Invalid(p, data, err.Error())}
	}
	return nil
}

func usages(list []certificatesv1.KeyUsage, p *field.Path) field.ErrorList {
	known := sets.New(certificatesv1.UsageSigning, certificatesv1.UsageDigitalSignature, certificatesv1.UsageContentCommitment,
		certificatesv1.UsageKeyEncipherment, certificatesv1.UsageKeyAgreement, certificatesv1.UsageDataEncipherment,
		certificatesv1.UsageCertSign, certificatesv1.UsageCRLSign, certificatesv1.UsageEncipherOnly, certificatesv1.UsageDecipherOnly,
		certificatesv1.UsageAny, certificatesv1.UsageServerAuth, certificatesv1.UsageClientAuth, certificatesv1.UsageCodeSigning,
		certificatesv1.UsageEmailProtection, certificatesv1.UsageSMIME, certificatesv1.UsageIPsecEndSystem, certificatesv1.UsageIPsecTunnel,
		certificatesv1.UsageIPsecUser, certificatesv1.UsageTimestamping, certificatesv1.UsageOCSPSigning, certificatesv1.UsageMicrosoftSGC,
		certificatesv1.UsageNetscapeSGC)
	var errs field.ErrorList
	seen := sets.New[certificatesv1.KeyUsage]()
	for i, u := range list {
		if !known.Has(u) {
			errs = append(errs, field.NotSupported(p.Index(i), u, sets.List(known)))
		}
		if seen.Has(u) {
			errs = append(errs, field.Duplicate(p.Index(i), u))
		}
		seen.Insert(u)
	}
	return errs
}

// conditions wants a request to be approved or denied, not both, and once. A fault that the stored request has is kept.
func conditions(r, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	p := field.NewPath("status", "conditions")
	var errs field.ErrorList
	seen := sets.New[certificatesv1.RequestConditionType]()
	for i, c := range r.Status.Conditions {
		cp := p.Index(i)
		if c.Type == "" {
			errs = append(errs, field.Required(cp.Child("type"), ""))
		} else if seen.Has(c.Type) && !duplicated(old, c.Type) {
			errs = append(errs, field.Duplicate(cp.Child("type"), c.Type))
		}
		seen.Insert(c.Type)
		switch c.Type {
		case certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed:
			if c.Status == "" {
				errs = append(errs, field.Required(cp.Child("status"), ""))
			} else {
				errs = append(errs, meta.In(c.Status, cp.Child("status"), v1.ConditionTrue)...)
			}
		default:
			errs = append(errs, meta.OneOf(c.Status, cp.Child("status"), v1.ConditionFalse, v1.ConditionTrue, v1.ConditionUnknown)...)
		}
	}
	both := seen.Has(certificatesv1.CertificateApproved) && seen.Has(certificatesv1.CertificateDenied)
	if both && !(has(old, certificatesv1.CertificateApproved) && has(old, certificatesv1.CertificateDenied)) {
		errs = append(errs, field.Invalid(p, certificatesv1.CertificateDenied, "Approved and Denied conditions are mutually exclusive"))
	}
	return errs
}

func has(r *certificatesv1.CertificateSigningRequest, t certificatesv1.RequestConditionType) bool {
	return count(r, t) > 0
}

func duplicated(r *certificatesv1.CertificateSigningRequest, t certificatesv1.RequestConditionType) bool {
	return count(r, t) > 1
}

func count(r *certificatesv1.CertificateSigningRequest, t certificatesv1.RequestConditionType) int {
	n := 0
	if r == nil {
		return 0
	}
	for _, c := range r.Status.Conditions {
		if c.Type == t {
			n++
		}
	}
	return n
}

// ValidateCertificateSigningRequestUpdate reports faults of a request that is to replace old: of metadata only, since the
// rest has its subresources.
func ValidateCertificateSigningRequestUpdate(newR, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := meta.Update(&newR.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, keepsConditions(newR, old, certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed)...)
	return append(errs, meta.Immutable(newR.Status.Certificate, old.Status.Certificate, field.NewPath("status", "certificate"))...)
}

// ValidateCertificateSigningRequestApprovalUpdate rules requests to the approval subresource: to approve or deny, for
// good.
func ValidateCertificateSigningRequestApprovalUpdate(newR, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := meta.Update(&newR.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, conditions(newR, old)...)
	errs = append(errs, keepsConditions(newR, old, certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed)...)
	return append(errs, meta.Immutable(newR.Status.Certificate, old.Status.Certificate, field.NewPath("status", "certificate"))...)
}

// ValidateCertificateSigningRequestStatusUpdate rules what a signer reports: a certificate, once, or that it failed.
func ValidateCertificateSigningRequestStatusUpdate(newR, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := meta.Update(&newR.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, conditions(newR, old)...)
	errs = append(errs, keepsConditions(newR, old, certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed)...)
	p := field.NewPath("status", "conditions")
	for _, t := range []certificatesv1.RequestConditionType{certificatesv1.CertificateApproved, certificatesv1.CertificateDenied} {
		if count(newR, t) > count(old, t) {
			errs = append(errs, field.Forbidden(p, fmt.Sprintf("updates may not add a condition of type %q", t)))
		}
	}
	cp := field.NewPath("status", "certificate")
	if len(old.Status.Certificate) > 0 {
		return append(errs, meta.Immutable(newR.Status.Certificate, old.Status.Certificate, cp)...)
	}
	if len(newR.Status.Certificate) > 0 && !bytes.Equal(newR.Status.Certificate, old.Status.Certificate) {
		errs = append(errs, certificate(newR.Status.Certificate, cp)...)
	}
	return errs
}

// keepsConditions forbids taking back what has been decided.
func keepsConditions(newR, old *certificatesv1.CertificateSigningRequest, types ...certificatesv1.RequestConditionType) field.ErrorList {
	var errs field.ErrorList
	p := field.NewPath("status", "conditions")
	of := func(r *certificatesv1.CertificateSigningRequest, t certificatesv1.RequestConditionType) []certificatesv1.CertificateSigningRequestCondition {
		var out []certificatesv1.CertificateSigningRequestCondition
		for _, c := range r.Status.Conditions {
			if c.Type == t {
				out = append(out, c)
			}
		}
		return out
	}
	for _, t := range types {
		n, o := of(newR, t), of(old, t)
		switch {
		case len(n) < len(o):
			errs = append(errs, field.Forbidden(p, fmt.Sprintf("updates may not remove a condition of type %q", t)))
		case len(n) == len(o) && !apiequality.Semantic.DeepEqual(n, o):
			errs = append(errs, field.Forbidden(p, fmt.Sprintf("updates may not modify a condition of type %q", t)))
		}
	}
	return errs
}

// certificate wants nothing but PEM blocks of certificates without headers.
func certificate(data []byte, p *field.Path) field.ErrorList {
	invalid := func(words string) field.ErrorList {
		return field.ErrorList{field.Invalid(p, "<certificate data>", words)}
	}
	blocks := 0
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		blocks++
		data = rest
		if block.Type != certificateBlock {
			return invalid(fmt.Sprintf("only CERTIFICATE PEM blocks are allowed, found %q", block.Type))
		}
		if len(block.Headers) != 0 {
			return invalid("no PEM block headers are permitted")
		}
		certs, err := x509.ParseCertificates(block.Bytes)
		if err != nil {
			return invalid(err.Error())
		}
		if len(certs) == 0 {
			return invalid("found CERTIFICATE PEM block containing 0 certificates")
		}
	}
	if blocks == 0 {
		return invalid("must contain at least one CERTIFICATE PEM block")
	}
	return nil
}
