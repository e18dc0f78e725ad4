package certificates

import (
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/certificates"
)

func certificateSigningRequest() apidef.Definition {
	type object = *certificatesv1.CertificateSigningRequest
	return (&apidef.Resource[certificatesv1.CertificateSigningRequest, object]{
		Names: apidef.Names{
			Kind:          certificatesv1.SchemeGroupVersion.WithKind("CertificateSigningRequest"),
			Plural:        "certificatesigningrequests",
			Singular:      "certificatesigningrequest",
			ShortNames:    []string{"csr"},
			ClusterScoped: true,
		},
		NewList:        func() runtime.Object { return &certificatesv1.CertificateSigningRequestList{} },
		Validate:       rules.ValidateCertificateSigningRequest,
		ValidateUpdate: rules.ValidateCertificateSigningRequestUpdate,
		ValidateStatus: rules.ValidateCertificateSigningRequestStatusUpdate,
		PrepareCreate:  forgetRequestor,
		Author:         recordRequestor,
		PrepareUpdate:  func(new, old object) { new.Spec = old.Spec },
		Spec:           apidef.Field(func(c object) *certificatesv1.CertificateSigningRequestSpec { return &c.Spec }),
		Uncounted:      true,
		Status:         apidef.Field(func(c object) *certificatesv1.CertificateSigningRequestStatus { return &c.Status }),
		PrepareStatus:  keepDecision,
		Subresources: []apidef.Subresource[object]{{
			Name:     "approval",
			Prepare:  onlyConditions,
			Validate: rules.ValidateCertificateSigningRequestApprovalUpdate,
			Resets:   []string{"spec", "status.certificate"},
		}},
		Fields: map[string]func(object) string{
			"spec.signerName": func(c object) string { return c.Spec.SignerName },
		},
		Columns: requestColumns(),
	}).Define()
}

func requestColumns() []apidef.Column[*certificatesv1.CertificateSigningRequest] {
	type object = *certificatesv1.CertificateSigningRequest
	doc := certificatesv1.CertificateSigningRequestSpec{}.SwaggerDoc()
	return []apidef.Column[object]{
		apidef.Name[object](),
		apidef.Age[object](),
		{Name: "SignerName", Description: doc["signerName"], Value: func(c object) any { return columns.Or(c.Spec.SignerName, columns.None) }},
		{Name: "Requestor", Description: doc["request"], Value: func(c object) any { return c.Spec.Username }},
		{Name: "RequestedDuration", Description: doc["expirationSeconds"], Value: func(c object) any {
			if c.Spec.ExpirationSeconds == nil {
				return columns.None
			}
			return duration.HumanDuration(time.Duration(*c.Spec.ExpirationSeconds) * time.Second)
		}},
		{Name: "Condition", Description: certificatesv1.CertificateSigningRequestStatus{}.SwaggerDoc()["conditions"],
			Value: func(c object) any { return conditionCell(&c.Status) }},
	}
}

// conditionCell shows how far a request has come.
func conditionCell(s *certificatesv1.CertificateSigningRequestStatus) string {
	has := map[certificatesv1.RequestConditionType]bool{}
	for _, c := range s.Conditions {
		has[c.Type] = true
	}
	cells := []string{"Pending"}
	switch {
	case has[certificatesv1.CertificateDenied]:
		cells[0] = "Denied"
	case has[certificatesv1.CertificateApproved]:
		cells[0] = "Approved"
	}
	if has[certificatesv1.CertificateFailed] {
		cells = append(cells, "Failed")
	}
	if len(s.Certificate) > 0 {
		cells = append(cells, "Issued")
	}
	return strings.Join(cells, ",")
}
