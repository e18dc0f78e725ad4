package csr

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	certificates "k8s.io/api/certificates/v1"
)

const (
	// backdate is how far a certificate's validity reaches back, for clocks that differ.
	backdate = 5 * time.Minute
	// shortest is the shortest validity that a request may ask for.
	shortest = 10 * time.Minute
)

// authority signs.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// newAuthority reads a certificate and its key in PEM.
func newAuthority(certPEM, keyPEM []byte) (*authority, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("read certificate authority: its key cannot sign")
	}
	return &authority{cert, key}, nil
}

// sign makes a certificate in PEM, valid for at most longest and as long as the authority is.
func (a *authority) sign(request *x509.CertificateRequest, spec certificates.CertificateSigningRequestSpec, longest time.Duration, now time.Time) ([]byte, error) {
	if err := request.CheckSignature(); err != nil {
		return nil, fmt.Errorf("check signature of request: %w", err)
	}
	usage, extended, err := usagesOf(spec.Usages)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	if !now.Before(a.cert.NotAfter) {
		return nil, fmt.Errorf("the certificate authority has expired at %v", a.cert.NotAfter)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: request.Subject,
		DNSNames: request.DNSNames, IPAddresses: request.IPAddresses, EmailAddresses: request.EmailAddresses, URIs: request.URIs,
		KeyUsage: usage, ExtKeyUsage: extended, BasicConstraintsValid: true,
		NotBefore: now.Add(-backdate), NotAfter: until(spec.ExpirationSeconds, longest, a.cert.NotAfter, now),
	}
	if template.NotBefore.Before(a.cert.NotBefore) {
		template.NotBefore = a.cert.NotBefore
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, request.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	var out bytes.Buffer
	if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		return nil, fmt.Errorf("encode certificate: %w", err)
	}
	return out.Bytes(), nil
}

// until is the end of validity.
func until(wanted *int32, longest time.Duration, authorityEnds, now time.Time) time.Time {
	span := longest
	if wanted != nil {
		span = max(min(time.Duration(*wanted)*time.Second, longest), shortest)
	}
	end := now.Add(span)
	if wanted == nil {
		end = end.Add(-backdate) // the span counts from the start, which is backdated
	}
	if end.After(authorityEnds) {
		return authorityEnds
	}
	return end
}

// usagesOf translates the API's usages.
func usagesOf(all []certificates.KeyUsage) (usage x509.KeyUsage, extended []x509.ExtKeyUsage, err error) {
	plain := map[certificates.KeyUsage]x509.KeyUsage{
		certificates.UsageSigning:           x509.KeyUsageDigitalSignature,
		certificates.UsageDigitalSignature:  x509.KeyUsageDigitalSignature,
		certificates.UsageContentCommitment: x509.KeyUsageContentCommitment,
		certificates.UsageKeyEncipherment:   x509.KeyUsageKeyEncipherment,
		certificates.UsageKeyAgreement:      x509.KeyUsageKeyAgreement,
		certificates.UsageDataEncipherment:  x509.KeyUsageDataEncipherment,
		certificates.UsageCertSign:          x509.KeyUsageCertSign,
		certificates.UsageCRLSign:           x509.KeyUsageCRLSign,
		certificates.UsageEncipherOnly:      x509.KeyUsageEncipherOnly,
		certificates.UsageDecipherOnly:      x509.KeyUsageDecipherOnly,
	}
	further := map[certificates.KeyUsage]x509.ExtKeyUsage{
		certificates.UsageAny:             x509.ExtKeyUsageAny,
		certificates.UsageServerAuth:      x509.ExtKeyUsageServerAuth,
		certificates.UsageClientAuth:      x509.ExtKeyUsageClientAuth,
		certificates.UsageCodeSigning:     x509.ExtKeyUsageCodeSigning,
		certificates.UsageEmailProtection: x509.ExtKeyUsageEmailProtection,
		certificates.UsageSMIME:           x509.ExtKeyUsageEmailProtection,
		certificates.UsageIPsecEndSystem:  x509.ExtKeyUsageIPSECEndSystem,
		certificates.UsageIPsecTunnel:     x509.ExtKeyUsageIPSECTunnel,
		certificates.UsageIPsecUser:       x509.ExtKeyUsageIPSECUser,
		certificates.UsageTimestamping:    x509.ExtKeyUsageTimeStamping,
		certificates.UsageOCSPSigning:     x509.ExtKeyUsageOCSPSigning,
		certificates.UsageMicrosoftSGC:    x509.ExtKeyUsageMicrosoftServerGatedCrypto,
		certificates.UsageNetscapeSGC:     x509.ExtKeyUsageNetscapeServerGatedCrypto,
	}
	for _, one := range all {
		if bit, found := plain[one]; found {
			usage |= bit
		} else if ext, found := further[one]; found {
			extended = append(extended, ext)
		} else {
			return 0, nil, fmt.Errorf("usage %q is unknown", one)
		}
	}
	return usage, extended, nil
}
