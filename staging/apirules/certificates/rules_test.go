package certificates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

type csr = certificatesv1.CertificateSigningRequest

// blocks makes a request and a certificate of one new key.
func blocks(t *testing.T) (request, cert []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: requestBlock, Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: certDER})
}

func condition(t certificatesv1.RequestConditionType) certificatesv1.CertificateSigningRequestCondition {
	return certificatesv1.CertificateSigningRequestCondition{Type: t, Status: v1.ConditionTrue, Reason: "r"}
}

func TestCertificateSigningRequests(t *testing.T) {
	request, cert := blocks(t)
	valid := func() *csr {
		return &csr{ObjectMeta: metav1.ObjectMeta{Name: "c", ResourceVersion: "1"}, Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: request, SignerName: "example.com/s", Usages: []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth}}}
	}
	approved := func() *csr {
		r := valid()
		r.Status.Conditions = append(r.Status.Conditions, condition(certificatesv1.CertificateApproved))
		return r
	}
	const conditions = "status.conditions"
	type c = rulestest.Case[csr]
	rulestest.Cases(t, valid, ValidateCertificateSigningRequest, []c{
		{Name: "request", Change: func(r *csr) { r.Spec.Request = cert }, Want: []string{rulestest.Invalid("spec.request")}},
		{Name: "signer", Change: func(r *csr) { r.Spec.SignerName = "x" }, Want: []string{rulestest.Invalid("spec.signerName")}},
		{Name: "no usages", Change: func(r *csr) { r.Spec.Usages = nil }, Want: []string{rulestest.Required("spec.usages")}},
		{Name: "usages", Change: func(r *csr) { r.Spec.Usages = append(r.Spec.Usages, r.Spec.Usages[0], "x") }, Want: []string{rulestest.Duplicate("spec.usages[1]"), rulestest.NotSupported("spec.usages[2]")}},
		{Name: "expiration", Change: func(r *csr) { r.Spec.ExpirationSeconds = ptr.To[int32](599) }, Want: []string{rulestest.Invalid("spec.expirationSeconds")}},
	})
	rulestest.UpdateCases(t, valid, ValidateCertificateSigningRequestApprovalUpdate, []c{
		{Name: "approve", Change: func(r *csr) { *r = *approved() }},
		{Name: "both", Change: func(r *csr) {
			r.Status.Conditions = append(r.Status.Conditions, condition(certificatesv1.CertificateApproved), condition(certificatesv1.CertificateDenied))
		}, Want: []string{rulestest.Invalid(conditions)}},
		{Name: "not true", Change: func(r *csr) {
			*r = *approved()
			r.Status.Conditions[0].Status = v1.ConditionFalse
		}, Want: []string{rulestest.NotSupported(conditions + "[0].status")}},
		{Name: "certificate", Change: func(r *csr) { r.Status.Certificate = cert }, Want: []string{rulestest.Invalid("status.certificate")}},
	})
	rulestest.UpdateCases(t, approved, ValidateCertificateSigningRequestStatusUpdate, []c{
		{Name: "issue", Change: func(r *csr) { r.Status.Certificate = cert }},
		{Name: "no certificate", Change: func(r *csr) { r.Status.Certificate = request }, Want: []string{rulestest.Invalid("status.certificate")}},
		{Name: "take back", Change: func(r *csr) { r.Status.Conditions = nil }, Want: []string{rulestest.Forbidden(conditions)}},
		{Name: "rewrite", Change: func(r *csr) { r.Status.Conditions[0].Reason = "x" }, Want: []string{rulestest.Forbidden(conditions)}},
	})
	rulestest.UpdateCases(t, valid, ValidateCertificateSigningRequestStatusUpdate, []c{
		{Name: "approve", Change: func(r *csr) { *r = *approved() }, Want: []string{rulestest.Forbidden(conditions)}},
	})
	rulestest.UpdateCases(t, approved, ValidateCertificateSigningRequestUpdate, []c{
		{Name: "labels", Change: func(r *csr) { r.Labels = map[string]string{"a": "b"} }},
	})
}
