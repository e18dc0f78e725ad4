package admission

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// allow lets users have one verb on one signer.
func allow(verb, signer string) authorizer.Authorizer {
	return authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		if a.GetVerb() == verb && a.GetName() == signer && a.GetResource() == "signers" && a.GetAPIGroup() == "certificates.k8s.io" && a.IsResourceRequest() {
			return authorizer.DecisionAllow, "", nil
		}
		return authorizer.DecisionNoOpinion, "", nil
	})
}

func csr(certificate string, conditions ...certificatesv1.RequestConditionType) *certificatesv1.CertificateSigningRequest {
	out := &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: "example.org/s"}}
	if certificate != "" {
		out.Status.Certificate = []byte(certificate)
	}
	for _, c := range conditions {
		out.Status.Conditions = append(out.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{Type: c, Status: corev1.ConditionTrue})
	}
	return out
}

func csrAttributes(fresh, old *certificatesv1.CertificateSigningRequest, subresource string, op admission.Operation) admission.Attributes {
	return admission.NewAttributesRecord(fresh, old, certificatesv1.SchemeGroupVersion.WithKind("CertificateSigningRequest"), "", "r",
		certificatesv1.SchemeGroupVersion.WithResource("certificatesigningrequests"), subresource, op, nil, false, &user.DefaultInfo{Name: "jane"})
}

func TestCertificateApproval(t *testing.T) {
	approved := csr("", certificatesv1.CertificateApproved)
	for _, c := range []struct {
		name, verb, signer, subresource string
		ok                              bool
	}{
		{"the signer", "approve", "example.org/s", "approval", true},
		{"all signers of its domain", "approve", "example.org/*", "approval", true},
		{"another signer", "approve", "example.org/t", "approval", false},
		{"another verb", "sign", "example.org/s", "approval", false},
		{"the status", "", "", "status", true},
	} {
		p := build(t, certificateApproval(), Inputs{Authorizer: allow(c.verb, c.signer)})
		if err := p.Validate(t.Context(), csrAttributes(approved, csr(""), c.subresource, admission.Update)); (err == nil) != c.ok {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestCertificateSigning(t *testing.T) {
	for _, c := range []struct {
		name        string
		fresh, old  *certificatesv1.CertificateSigningRequest
		verb        string
		subresource string
		ok          bool
	}{
		{"by a signer", csr("x"), csr(""), "sign", "status", true},
		{"by somebody else", csr("x"), csr(""), "approve", "status", false},
		{"a condition", csr("", certificatesv1.CertificateFailed), csr(""), "approve", "status", false},
		{"nothing of it", csr("x"), csr("x"), "approve", "status", true},
		{"approval", csr("", certificatesv1.CertificateApproved), csr(""), "approve", "approval", true},
	} {
		p := build(t, certificateSigning(), Inputs{Authorizer: allow(c.verb, "example.org/s")})
		if err := p.Validate(t.Context(), csrAttributes(c.fresh, c.old, c.subresource, admission.Update)); (err == nil) != c.ok {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestCertificateSubject(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request := func(groups ...string) []byte {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "jane", Organization: groups}}, key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	}
	for _, c := range []struct {
		name, signer string
		request      []byte
		ok           bool
	}{
		{"a user", certificatesv1.KubeAPIServerClientSignerName, request("team"), true},
		{"a master", certificatesv1.KubeAPIServerClientSignerName, request("team", "system:masters"), false},
		{"a master to others", "example.org/s", request("system:masters"), true},
		{"nonsense", certificatesv1.KubeAPIServerClientSignerName, []byte("x"), false},
	} {
		r := csr("")
		r.Spec.SignerName, r.Spec.Request = c.signer, c.request
		if err := build(t, certificateSubjectRestriction(), Inputs{}).Validate(t.Context(), csrAttributes(r, nil, "", admission.Create)); (err == nil) != c.ok {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}
