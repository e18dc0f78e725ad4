package csr

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	certificates "k8s.io/api/certificates/v1"
)

// parse reads the request in PEM.
func parse(csr *certificates.CertificateSigningRequest) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(csr.Spec.Request)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("the request is not a PEM block of type CERTIFICATE REQUEST")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read certificate request: %w", err)
	}
	return request, nil
}

// condition finds a condition.
func condition(csr *certificates.CertificateSigningRequest, kind certificates.RequestConditionType) *certificates.CertificateSigningRequestCondition {
	for i := range csr.Status.Conditions {
		if csr.Status.Conditions[i].Type == kind {
			return &csr.Status.Conditions[i]
		}
	}
	return nil
}

// approved says whether a request may be signed.
func approved(csr *certificates.CertificateSigningRequest) bool {
	return condition(csr, certificates.CertificateApproved) != nil && condition(csr, certificates.CertificateDenied) == nil
}

const (
	nodesGroup     = "system:nodes"
	nodeUserPrefix = "system:node:"
)

// acceptable checks what the documentation of each signer demands. The error is for the user.
func acceptable(signer string, usages []certificates.KeyUsage, request *x509.CertificateRequest) error {
	switch signer {
	case certificates.KubeAPIServerClientSignerName:
		return onlyClientUsages(usages)
	case certificates.KubeAPIServerClientKubeletSignerName:
		return kubeletClient(usages, request)
	case certificates.KubeletServingSignerName:
		return kubeletServing(usages, request)
	default:
		return nil // legacy-unknown demands nothing
	}
}

// onlyClientUsages wants client authentication and nothing that goes beyond it.
func onlyClientUsages(usages []certificates.KeyUsage) error {
	if !slices.Contains(usages, certificates.UsageClientAuth) {
		return errors.New("usages do not include client auth")
	}
	for _, usage := range usages {
		switch usage {
		case certificates.UsageClientAuth, certificates.UsageDigitalSignature, certificates.UsageKeyEncipherment:
		default:
			return fmt.Errorf("usage %q is not for clients", usage)
		}
	}
	return nil
}

// exactly wants these usages, with key encipherment or without it.
func exactly(usages []certificates.KeyUsage, main certificates.KeyUsage) error {
	wanted := []certificates.KeyUsage{certificates.UsageDigitalSignature, main}
	for _, usage := range usages {
		if usage != certificates.UsageKeyEncipherment && !slices.Contains(wanted, usage) {
			return fmt.Errorf("usage %q is not allowed", usage)
		}
	}
	for _, usage := range wanted {
		if !slices.Contains(usages, usage) {
			return fmt.Errorf("usage %q is missing", usage)
		}
	}
	return nil
}

// ofNode wants the subject of a node.
func ofNode(request *x509.CertificateRequest) error {
	if !slices.Equal(request.Subject.Organization, []string{nodesGroup}) {
		return fmt.Errorf("subject organization is not %s", nodesGroup)
	}
	if !strings.HasPrefix(request.Subject.CommonName, nodeUserPrefix) || len(request.Subject.CommonName) == len(nodeUserPrefix) {
		return fmt.Errorf("subject common name does not begin with %s", nodeUserPrefix)
	}
	return nil
}

func kubeletClient(usages []certificates.KeyUsage, request *x509.CertificateRequest) error {
	if err := ofNode(request); err != nil {
		return err
	}
	if len(request.DNSNames)+len(request.IPAddresses)+len(request.EmailAddresses)+len(request.URIs) > 0 {
		return errors.New("subject alternative names are not allowed")
	}
	return exactly(usages, certificates.UsageClientAuth)
}

func kubeletServing(usages []certificates.KeyUsage, request *x509.CertificateRequest) error {
	if err := ofNode(request); err != nil {
		return err
	}
	if len(request.DNSNames)+len(request.IPAddresses) == 0 {
		return errors.New("a DNS name or an address is required")
	}
	if len(request.EmailAddresses)+len(request.URIs) > 0 {
		return errors.New("email and URI alternative names are not allowed")
	}
	return exactly(usages, certificates.UsageServerAuth)
}

// expiry is the end of a certificate's validity; ok is false when there is no certificate.
func expiry(certificate []byte) (end time.Time, ok bool) {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return time.Time{}, false
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, false
	}
	return parsed.NotAfter, true
}
