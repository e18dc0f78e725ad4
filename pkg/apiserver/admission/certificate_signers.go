package admission

import (
	"context"
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// certificateApproval demands the verb approve on the signer of a request that is approved or denied.
func certificateApproval() Plugin {
	return signerVerb("CertificateApproval", signers{subresource: "approval", verb: "approve",
		concerns: func(_, _ *certificatesv1.CertificateSigningRequest) bool { return true }})
}

// certificateSigning demands the verb sign on the signer of a request whose certificate or conditions are written.
func certificateSigning() Plugin {
	return signerVerb("CertificateSigning", signers{subresource: "status", verb: "sign",
		concerns: func(new, old *certificatesv1.CertificateSigningRequest) bool {
			return !apiequality.Semantic.DeepEqual(new.Status.Certificate, old.Status.Certificate) || !apiequality.Semantic.DeepEqual(new.Status.Conditions, old.Status.Conditions)
		}})
}

func signerVerb(name string, p signers) Plugin {
	return Plugin{Name: name, On: []admission.Operation{admission.Update}, Does: validates, New: func(in Inputs) (Rules, error) {
		p := p
		p.authorizer = in.Authorizer
		return Rules{Validate: p.validate}, nil
	}}
}

// signers demands a verb on the signer of a request.
type signers struct {
	subresource string
	verb        string
	// concerns reports whether a change of the subresource needs the verb.
	concerns   func(new, old *certificatesv1.CertificateSigningRequest) bool
	authorizer authorizer.Authorizer
}

// validate refuses users that lack the verb.
func (p *signers) validate(ctx context.Context, a admission.Attributes) error {
	if a.GetResource().GroupResource() != certificatesv1.Resource("certificatesigningrequests") || a.GetSubresource() != p.subresource {
		return nil
	}
	fresh, ok := a.GetObject().(*certificatesv1.CertificateSigningRequest)
	old, okOld := a.GetOldObject().(*certificatesv1.CertificateSigningRequest)
	if !ok || !okOld {
		return apierrors.NewBadRequest(fmt.Sprintf("expected certificate signing requests, got a %T and a %T", a.GetObject(), a.GetOldObject()))
	}
	if !p.concerns(fresh, old) || p.may(ctx, a.GetUserInfo(), old.Spec.SignerName) {
		return nil
	}
	return admission.NewForbidden(a, fmt.Errorf("user not permitted to %s requests with signerName %q", p.verb, old.Spec.SignerName))
}

// may asks for the verb on the signer, and then on all signers of its domain.
func (p *signers) may(ctx context.Context, u user.Info, signer string) bool {
	domain, _, _ := strings.Cut(signer, "/")
	for _, name := range []string{signer, domain + "/*"} {
		decision, _, err := p.authorizer.Authorize(ctx, authorizer.AttributesRecord{
			User: u, Verb: p.verb, Name: name, APIGroup: certificatesv1.GroupName, APIVersion: "*", Resource: "signers", ResourceRequest: true})
		if err == nil && decision == authorizer.DecisionAllow {
			return true
		}
	}
	return false
}
