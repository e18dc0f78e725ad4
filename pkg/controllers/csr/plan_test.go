package csr

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	certificates "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func withConditions(csr *certificates.CertificateSigningRequest, kinds ...certificates.RequestConditionType) *certificates.CertificateSigningRequest {
	for _, kind := range kinds {
		csr.Status.Conditions = append(csr.Status.Conditions, certificates.CertificateSigningRequestCondition{Type: kind, Status: v1.ConditionTrue})
	}
	return csr
}

func TestPlanApproval(t *testing.T) {
	const signer = certificates.KubeAPIServerClientKubeletSignerName
	usages := []certificates.KeyUsage{certificates.UsageDigitalSignature, certificates.UsageClientAuth}
	node := subject("system:node:n1", "system:nodes")
	renewing := newCSR(t, signer, node, usages...)
	renewing.Spec.Username = "system:node:n1"
	bootstrapping := newCSR(t, signer, node, usages...)
	bootstrapping.Spec.Username = "system:bootstrap:abc"
	malformed := newCSR(t, signer, node, usages...)
	malformed.Spec.Request = []byte("no PEM")
	for _, tt := range []struct {
		name string
		csr  *certificates.CertificateSigningRequest
		want []string
	}{
		{"a node renews", renewing, []string{"selfnodeclient", "nodeclient"}},
		{"a token bootstraps", bootstrapping, []string{"nodeclient"}},
		{"malformed", malformed, nil},
		{"no kubelet", newCSR(t, signer, subject("jane"), usages...), nil},
		{"for serving", newCSR(t, certificates.KubeletServingSignerName, node, usages...), nil},
		{"approved", withConditions(newCSR(t, signer, node, usages...), certificates.CertificateApproved), nil},
		{"denied", withConditions(newCSR(t, signer, node, usages...), certificates.CertificateDenied), nil},
	} {
		var got []string
		for _, right := range planApproval(tt.csr).ask {
			got = append(got, right.subresource)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestPlanSigning(t *testing.T) {
	const signer = certificates.KubeAPIServerClientSignerName
	made := func(usage certificates.KeyUsage, kinds ...certificates.RequestConditionType) *certificates.CertificateSigningRequest {
		return withConditions(newCSR(t, signer, subject("jane"), usage), kinds...)
	}
	signed := made(certificates.UsageClientAuth, certificates.CertificateApproved)
	signed.Status.Certificate = []byte("there")
	for _, tt := range []struct {
		name   string
		csr    *certificates.CertificateSigningRequest
		served bool
		sign   bool
		fail   string
	}{
		{"approved", made(certificates.UsageClientAuth, certificates.CertificateApproved), true, true, ""},
		{"not acceptable", made(certificates.UsageServerAuth, certificates.CertificateApproved), true, false, "usages do not include client auth"},
		{"signer of somebody else", made(certificates.UsageClientAuth, certificates.CertificateApproved), false, false, ""},
		{"undecided", made(certificates.UsageClientAuth), true, false, ""},
		{"approved and denied", made(certificates.UsageClientAuth, certificates.CertificateApproved, certificates.CertificateDenied), true, false, ""},
		{"failed", made(certificates.UsageServerAuth, certificates.CertificateApproved, certificates.CertificateFailed), true, false, ""},
		{"signed", signed, true, false, ""},
	} {
		if out := planSigning(tt.csr, tt.served); (out.sign != nil) != tt.sign || out.fail != tt.fail {
			t.Errorf("%s: signed %v, fails %q; want %v, %q", tt.name, out.sign != nil, out.fail, tt.sign, tt.fail)
		}
	}
}

func TestPlanCleaning(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	decided := func(after time.Duration) []certificates.CertificateSigningRequestCondition {
		return []certificates.CertificateSigningRequestCondition{{Type: certificates.CertificateApproved, Status: v1.ConditionTrue, LastUpdateTime: metav1.NewTime(start.Add(after))}}
	}
	tests := []struct {
		name       string
		conditions []certificates.CertificateSigningRequestCondition
		passed     time.Duration
		want       time.Duration // 0 deletes
	}{
		{"pending", nil, time.Hour, 23 * time.Hour},
		{"pending too long", nil, 25 * time.Hour, 0},
		{"decided", decided(time.Hour), 90 * time.Minute, 30 * time.Minute},
		{"decided long ago", decided(time.Hour), 3 * time.Hour, 0},
	}
	for _, test := range tests {
		csr := &certificates.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(start)}, Status: certificates.CertificateSigningRequestStatus{Conditions: test.conditions}}
		if out := planCleaning(csr, start.Add(test.passed)); out.after != test.want || out.remove != (test.want == 0) {
			t.Errorf("%s: %v left, deleted %v; want %v", test.name, out.after, out.remove, test.want)
		}
	}
}
