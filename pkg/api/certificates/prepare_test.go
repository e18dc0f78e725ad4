package certificates

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
)

type condition = certificatesv1.CertificateSigningRequestCondition

func TestRecordRequestor(t *testing.T) {
	c := &request{Spec: certificatesv1.CertificateSigningRequestSpec{
		Username: "liar", UID: "l", Groups: []string{"system:masters"}, Extra: map[string]certificatesv1.ExtraValue{"k": {"lie"}}, SignerName: "example.org/s",
	}}
	forgetRequestor(c)
	recordRequestor(c, &user.DefaultInfo{Name: "me", UID: "u", Groups: []string{"g"}, Extra: map[string][]string{"k": {"v"}}})
	want := certificatesv1.CertificateSigningRequestSpec{
		Username: "me", UID: "u", Groups: []string{"g"}, Extra: map[string]certificatesv1.ExtraValue{"k": {"v"}}, SignerName: "example.org/s",
	}
	if diff := cmp.Diff(want, c.Spec); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestViews checks what the two subresources may change: status everything but the decision, approval only conditions.
func TestViews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := metav1.Now()
		then := metav1.NewTime(now.Add(-time.Hour))
		approved := condition{Type: certificatesv1.CertificateApproved, Status: "True", Reason: "old", LastUpdateTime: then, LastTransitionTime: then}
		failed := condition{Type: certificatesv1.CertificateFailed, Status: "True"}
		stamped := failed
		stamped.LastUpdateTime, stamped.LastTransitionTime = now, now
		old := &request{
			Spec:   certificatesv1.CertificateSigningRequestSpec{Username: "me"},
			Status: certificatesv1.CertificateSigningRequestStatus{Conditions: []condition{approved}},
		}
		changed := func(conditions ...condition) *request {
			return &request{
				Spec:   certificatesv1.CertificateSigningRequestSpec{Username: "other"},
				Status: certificatesv1.CertificateSigningRequestStatus{Conditions: conditions, Certificate: []byte("c")},
			}
		}
		denied := condition{Type: certificatesv1.CertificateDenied, Status: "True"}

		got := changed(denied, failed)
		keepDecision(got, old)
		if diff := cmp.Diff([]condition{approved, stamped}, got.Status.Conditions); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}

		again := condition{Type: certificatesv1.CertificateApproved, Status: "True", Reason: "new"}
		got = changed(again)
		onlyConditions(got, old)
		again.LastUpdateTime, again.LastTransitionTime = now, then
		want := &request{Spec: old.Spec, Status: certificatesv1.CertificateSigningRequestStatus{Conditions: []condition{again}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("approval (-want +got):\n%s", diff)
		}
	})
}
