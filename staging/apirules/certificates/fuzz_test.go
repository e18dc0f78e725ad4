package certificates

import (
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[certificatesv1.CertificateSigningRequest]{Validate: ValidateCertificateSigningRequest,
		Update: []func(_, _ *certificatesv1.CertificateSigningRequest) field.ErrorList{ValidateCertificateSigningRequestUpdate, ValidateCertificateSigningRequestStatusUpdate, ValidateCertificateSigningRequestApprovalUpdate}})
}
