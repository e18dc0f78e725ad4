package csr

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	certificates "k8s.io/api/certificates/v1"
)

// newCA makes a certificate authority in PEM that ends at a time.
func newCA(t *testing.T, ends time.Time) Authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: ends.Add(-10 * 365 * 24 * time.Hour), NotAfter: ends,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return Authority{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})}
}

func TestSign(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	far, soon := now.Add(5*365*24*time.Hour), now.Add(time.Hour)
	hours := func(n int32) *int32 { n *= 3600; return &n }
	tests := []struct {
		name   string
		ends   time.Time
		wanted *int32
		want   time.Time
	}{
		{"as long as possible", far, nil, now.Add(24*time.Hour - backdate)},
		{"shorter", far, hours(2), now.Add(2 * time.Hour)},
		{"longer than possible", far, hours(100), now.Add(24 * time.Hour)},
		{"the authority ends", soon, nil, soon},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pair := newCA(t, test.ends)
			ca, err := newAuthority(pair.CertPEM, pair.KeyPEM)
			if err != nil {
				t.Fatal(err)
			}
			csr := newCSR(t, certificates.KubeletServingSignerName, subject("system:node:n1", "system:nodes"), certificates.UsageDigitalSignature, certificates.UsageServerAuth)
			csr.Spec.ExpirationSeconds = test.wanted
			request, err := parse(csr)
			if err != nil {
				t.Fatal(err)
			}
			signed, err := ca.sign(request, csr.Spec, 24*time.Hour, now)
			if err != nil {
				t.Fatal(err)
			}
			block, _ := pem.Decode(signed)
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if err := cert.CheckSignatureFrom(ca.cert); err != nil {
				t.Error(err)
			}
			if !cert.NotAfter.Equal(test.want) || !cert.NotBefore.Equal(now.Add(-backdate)) {
				t.Errorf("valid from %v to %v, want to %v", cert.NotBefore, cert.NotAfter, test.want)
			}
			if cert.Subject.CommonName != "system:node:n1" || cert.IsCA || cert.KeyUsage != x509.KeyUsageDigitalSignature {
				t.Errorf("certificate of %v, authority %v, usage %v", cert.Subject, cert.IsCA, cert.KeyUsage)
			}
			if diff := cmp.Diff([]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, cert.ExtKeyUsage); diff != "" {
				t.Errorf("extended usages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExpiredAuthority(t *testing.T) {
	now := time.Now()
	pair := newCA(t, now.Add(-time.Hour))
	ca, err := newAuthority(pair.CertPEM, pair.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	csr := newCSR(t, "kubernetes.io/legacy-unknown", subject("x"))
	request, err := parse(csr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.sign(request, csr.Spec, time.Hour, now); err == nil {
		t.Error("an expired authority has signed")
	}
}
