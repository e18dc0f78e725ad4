package csr

import (
	"context"
	"testing"
	"time"

	authorization "k8s.io/api/authorization/v1"
	certificates "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedauthorization "k8s.io/client-go/kubernetes/typed/authorization/v1"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func requestIn(t *testing.T, s *controltest.Server) *certificates.CertificateSigningRequest {
	all := controltest.List[certificates.CertificateSigningRequest](t, s, "certificates.k8s.io", "certificatesigningrequests", "")
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// authorizing is a client whose server allows one subresource to be created.
type authorizing struct {
	kubernetes.Interface
	typedauthorization.AuthorizationV1Interface
	typedauthorization.SubjectAccessReviewInterface
	allowed string
}

func (a authorizing) AuthorizationV1() typedauthorization.AuthorizationV1Interface { return a }
func (a authorizing) SubjectAccessReviews() typedauthorization.SubjectAccessReviewInterface {
	return reviews{a}
}

type reviews struct{ authorizing }

func (r reviews) Create(_ context.Context, review *authorization.SubjectAccessReview, _ metav1.CreateOptions) (*authorization.SubjectAccessReview, error) {
	review.Status.Allowed = review.Spec.ResourceAttributes.Subresource == r.allowed && review.Spec.User == "system:node:n1"
	return review, nil
}

func TestApprover(t *testing.T) {
	tests := []struct {
		name, node, allowed, want string
	}{
		{"renews its own", "system:node:n1", "selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview."},
		{"bootstraps any", "system:node:n2", "nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := controltest.NewServer(t, newCSR(t, certificates.KubeAPIServerClientKubeletSignerName, subject(test.node, "system:nodes"), certificates.UsageDigitalSignature, certificates.UsageClientAuth))
			controltest.Run(t, s, func(d control.Dependencies) (control.Controller, error) {
				d.Client = authorizing{Interface: d.Client, allowed: test.allowed}
				return NewApprover(d)
			})
			s.Wait(t, "the request is approved", func() bool { return approved(requestIn(t, s)) })
			if got := condition(requestIn(t, s), certificates.CertificateApproved).Message; got != test.want {
				t.Errorf("message %q, want %q", got, test.want)
			}
		})
	}
}

func TestSigner(t *testing.T) {
	yes := []certificates.CertificateSigningRequestCondition{{Type: certificates.CertificateApproved, Status: v1.ConditionTrue}}
	good := newCSR(t, certificates.KubeAPIServerClientSignerName, subject("jane"), certificates.UsageClientAuth)
	bad := newCSR(t, certificates.KubeAPIServerClientSignerName, subject("jane"), certificates.UsageServerAuth)
	for _, csr := range []*certificates.CertificateSigningRequest{good, bad} {
		csr.Status.Conditions = yes
		s := controltest.NewServer(t, csr)
		controltest.Run(t, s, func(d control.Dependencies) (control.Controller, error) {
			return NewSigner(d, map[string]Authority{certificates.KubeAPIServerClientSignerName: newCA(t, time.Now().Add(time.Hour))}, time.Hour)
		})
		s.Wait(t, "the request is settled", func() bool {
			now := requestIn(t, s)
			return len(now.Status.Certificate) > 0 || condition(now, certificates.CertificateFailed) != nil
		})
		if signed := len(requestIn(t, s).Status.Certificate) > 0; signed != (csr == good) {
			t.Errorf("request with usages %v is signed: %v", csr.Spec.Usages, signed)
		}
	}
}

func TestCleaner(t *testing.T) {
	old := newCSR(t, "x", subject("x"))
	old.CreationTimestamp = metav1.NewTime(time.Now().Add(-25 * time.Hour))
	s := controltest.NewServer(t, old)
	controltest.Run(t, s, NewCleaner)
	s.Wait(t, "the old request is gone", func() bool { return requestIn(t, s) == nil })
}
