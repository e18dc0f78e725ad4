package csr

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"testing"

	certificates "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// newRequest makes a signed request in PEM.
func newRequest(t *testing.T, template x509.CertificateRequest) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func subject(name string, organizations ...string) x509.CertificateRequest {
	return x509.CertificateRequest{Subject: pkix.Name{CommonName: name, Organization: organizations}}
}

func newCSR(t *testing.T, signer string, template x509.CertificateRequest, usages ...certificates.KeyUsage) *certificates.CertificateSigningRequest {
	return &certificates.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "csr"},
		Spec:       certificates.CertificateSigningRequestSpec{Request: newRequest(t, template), SignerName: signer, Usages: usages, Username: "system:node:n1"},
	}
}

func TestAcceptable(t *testing.T) {
	const signature, encipherment, client, server = certificates.UsageDigitalSignature, certificates.UsageKeyEncipherment, certificates.UsageClientAuth, certificates.UsageServerAuth
	node := subject("system:node:n1", "system:nodes")
	named := node
	named.DNSNames = []string{"n1"}
	mail := named
	mail.EmailAddresses = []string{"a@b"}
	addressed := node
	addressed.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)}
	tests := []struct {
		name, signer string
		request      x509.CertificateRequest
		usages       []certificates.KeyUsage
		want         string
	}{
		{"client", certificates.KubeAPIServerClientSignerName, subject("jane", "devs"), []certificates.KeyUsage{client, signature}, ""},
		{"client without client auth", certificates.KubeAPIServerClientSignerName, subject("jane"), []certificates.KeyUsage{signature}, "usages do not include client auth"},
		{"client that would serve", certificates.KubeAPIServerClientSignerName, subject("jane"), []certificates.KeyUsage{client, server}, `usage "server auth" is not for clients`},
		{"kubelet", certificates.KubeAPIServerClientKubeletSignerName, node, []certificates.KeyUsage{client, signature, encipherment}, ""},
		{"kubelet without encipherment", certificates.KubeAPIServerClientKubeletSignerName, node, []certificates.KeyUsage{client, signature}, ""},
		{"kubelet of another group", certificates.KubeAPIServerClientKubeletSignerName, subject("system:node:n1", "system:nodes", "more"), []certificates.KeyUsage{client, signature}, "subject organization is not system:nodes"},
		{"no kubelet", certificates.KubeAPIServerClientKubeletSignerName, subject("jane", "system:nodes"), []certificates.KeyUsage{client, signature}, "subject common name does not begin with system:node:"},
		{"kubelet with names", certificates.KubeAPIServerClientKubeletSignerName, named, []certificates.KeyUsage{client, signature}, "subject alternative names are not allowed"},
		{"serving", certificates.KubeletServingSignerName, named, []certificates.KeyUsage{server, signature}, ""},
		{"serving by address", certificates.KubeletServingSignerName, addressed, []certificates.KeyUsage{server, signature, encipherment}, ""},
		{"serving without names", certificates.KubeletServingSignerName, node, []certificates.KeyUsage{server, signature}, "a DNS name or an address is required"},
		{"serving with mail", certificates.KubeletServingSignerName, mail, []certificates.KeyUsage{server, signature}, "email and URI alternative names are not allowed"},
		{"serving as client", certificates.KubeletServingSignerName, named, []certificates.KeyUsage{client, signature}, `usage "client auth" is not allowed`},
		{"unknown", "kubernetes.io/legacy-unknown", subject("anything"), nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request, err := parse(newCSR(t, test.signer, test.request))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := acceptable(test.signer, test.usages, request); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("fault %q, want %q", got, test.want)
			}
		})
	}
}
