package csr

import (
	"crypto/x509"
	"slices"
	"time"

	certificates "k8s.io/api/certificates/v1"
)

// outcome is what one of the three plans asks for; the empty one is nothing.
type outcome struct {
	// ask are the rights of which each is enough for an approval, to be asked for in this order.
	ask []right
	// sign is what to sign; fail says why it is not signed.
	sign *x509.CertificateRequest
	fail string
	// remove deletes the request.
	remove bool
	// after is when time alone asks for the next look; 0 means never.
	after time.Duration
}

// right is a subresource that the request's user may create, and what an approval says then.
type right struct{ subresource, message string }

// planApproval decides whether a request is a kubelet's for a client certificate, and so ours to approve.
func planApproval(csr *certificates.CertificateSigningRequest) outcome {
	if csr.Spec.SignerName != certificates.KubeAPIServerClientKubeletSignerName || len(csr.Status.Certificate) > 0 ||
		condition(csr, certificates.CertificateApproved) != nil || condition(csr, certificates.CertificateDenied) != nil {
		return outcome{}
	}
	request, err := parse(csr)
	if err != nil || kubeletClient(csr.Spec.Usages, request) != nil {
		return outcome{} // for somebody else to decide
	}
	// A node renews its own certificate; a bootstrap token may get any node's.
	rights := []right{{"nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview."}}
	if request.Subject.CommonName == csr.Spec.Username {
		rights = slices.Insert(rights, 0, right{"selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview."})
	}
	return outcome{ask: rights}
}

// planSigning decides whether an approved request is signed or fails, if its signer is served.
func planSigning(csr *certificates.CertificateSigningRequest, served bool) outcome {
	if !served || !approved(csr) || len(csr.Status.Certificate) > 0 || condition(csr, certificates.CertificateFailed) != nil {
		return outcome{}
	}
	request, err := parse(csr)
	if err == nil {
		err = acceptable(csr.Spec.SignerName, csr.Spec.Usages, request)
	}
	if err != nil {
		return outcome{fail: err.Error()}
	}
	return outcome{sign: request}
}

// planCleaning decides how long a request stays: an hour after it was decided, a day while it is not, and no longer than its
// certificate is valid.
func planCleaning(csr *certificates.CertificateSigningRequest, now time.Time) outcome {
	end := csr.CreationTimestamp.Add(24 * time.Hour)
	for _, c := range csr.Status.Conditions {
		decided := c.LastUpdateTime.Time
		if decided.IsZero() {
			decided = csr.CreationTimestamp.Time
		}
		if until := decided.Add(time.Hour); until.Before(end) {
			end = until
		}
	}
	if expires, ok := expiry(csr.Status.Certificate); ok && expires.Before(end) {
		end = expires
	}
	if left := end.Sub(now); left > 0 {
		return outcome{after: left}
	}
	return outcome{remove: true}
}
