package certificates

import (
	"context"
	"fmt"
	"io"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Names of the plugins.
const (
	Approval = "CertificateApproval"
	Signing  = "CertificateSigning"
)

// Plugin demands a verb on the signer of a request that is approved or signed.
type Plugin struct {
	*admission.Handler
	name        string
	subresource string
	verb        string
	done        string // the verb in an error message
	// concerns reports whether a change of the subresource needs the verb.
	concerns   func(new, old *certificatesv1.CertificateSigningRequest) bool
	authorizer authorizer.Authorizer
}

var (
	_ admission.ValidationInterface = (*Plugin)(nil)
	_ initializer.WantsAuthorizer   = (*Plugin)(nil)
)

// RegisterApproval adds the plugin CertificateApproval to the registry.
func RegisterApproval(plugins *admission.Plugins) {
	plugins.Register(Approval, func(io.Reader) (admission.Interface, error) { return newApproval(), nil })
}

// RegisterSigning adds the plugin CertificateSigning to the registry.
func RegisterSigning(plugins *admission.Plugins) {
	plugins.Register(Signing, func(io.Reader) (admission.Interface, error) { return newSigning(), nil })
}

func newApproval() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Update), name: Approval, subresource: "approval", verb: "approve", done: "approve",
		concerns: func(_, _ *certificatesv1.CertificateSigningRequest) bool { return true }}
}

func newSigning() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Update), name: Signing, subresource: "status", verb: "sign", done: "sign",
		concerns: func(new, old *certificatesv1.CertificateSigningRequest) bool {
			return !apiequality.Semantic.DeepEqual(new.Status.Certificate, old.Status.Certificate) || !apiequality.Semantic.DeepEqual(new.Status.Conditions, old.Status.Conditions)
		}}
}

// SetAuthorizer gives the plugin the authorizer.
func (p *Plugin) SetAuthorizer(a authorizer.Authorizer) { p.authorizer = a }

// ValidateInitialization checks that everything was given.
func (p *Plugin) ValidateInitialization() error {
	if p.authorizer == nil {
		return fmt.Errorf("admission plugin %s needs an authorizer", p.name)
	}
	return nil
}

// Validate refuses users that lack the verb.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
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
	return admission.NewForbidden(a, fmt.Errorf("user not permitted to %s requests with signerName %q", p.done, old.Spec.SignerName))
}

// may asks for the verb on the signer, and then on all signers of its domain.
func (p *Plugin) may(ctx context.Context, u user.Info, signer string) bool {
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
