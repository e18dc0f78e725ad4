package certificates

import (
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
)

type request = certificatesv1.CertificateSigningRequest

// forgetRequestor drops what a client says of itself.
func forgetRequestor(c *request) {
	c.Spec.Username, c.Spec.UID, c.Spec.Groups, c.Spec.Extra = "", "", nil, nil
}

// recordRequestor keeps who asks for the certificate, which signers and approvers decide by.
func recordRequestor(c *request, by user.Info) {
	c.Spec.Username, c.Spec.UID, c.Spec.Groups = by.GetName(), by.GetUID(), slices.Clone(by.GetGroups())
	for key, values := range by.GetExtra() {
		if c.Spec.Extra == nil {
			c.Spec.Extra = map[string]certificatesv1.ExtraValue{}
		}
		c.Spec.Extra[key] = slices.Clone(values)
	}
}

// onlyConditions lets the subresource approval change the conditions of the status and nothing else.
func onlyConditions(new, old *request) {
	conditions := new.Status.Conditions
	new.Spec, new.Status = old.Spec, old.Status
	new.Status.Conditions = conditions
	stampConditions(new, old)
}

// keepDecision lets the subresource status, which is the signer's, change anything of the status but whether the
// request is approved or denied.
func keepDecision(new, old *request) {
	kept := slices.DeleteFunc(slices.Clone(new.Status.Conditions), isDecision)
	var decisions []certificatesv1.CertificateSigningRequestCondition
	for _, c := range old.Status.Conditions {
		if isDecision(c) {
			decisions = append(decisions, c)
		}
	}
	new.Status.Conditions = append(decisions, kept...)
	stampConditions(new, old)
}

func isDecision(c certificatesv1.CertificateSigningRequestCondition) bool {
	return c.Type == certificatesv1.CertificateApproved || c.Type == certificatesv1.CertificateDenied
}

// stampConditions fills in the times of conditions that have none.
func stampConditions(new, old *request) {
	now := metav1.Now()
	for i := range new.Status.Conditions {
		c := &new.Status.Conditions[i]
		if c.LastUpdateTime.IsZero() {
			c.LastUpdateTime = now
		}
		if !c.LastTransitionTime.IsZero() {
			continue
		}
		c.LastTransitionTime = now
		for _, o := range old.Status.Conditions {
			if o.Type == c.Type && o.Status == c.Status && !o.LastTransitionTime.IsZero() {
				c.LastTransitionTime = o.LastTransitionTime
			}
		}
	}
}
