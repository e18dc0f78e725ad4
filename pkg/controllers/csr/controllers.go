package csr

import (
	"context"
	"errors"
	"fmt"
	"time"

	authorization "k8s.io/api/authorization/v1"
	certificates "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	certlisters "k8s.io/client-go/listers/certificates/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// Authority is a certificate authority in PEM.
type Authority struct{ CertPEM, KeyPEM []byte }

// build makes a controller over requests.
func build(d control.Dependencies, handle func(context.Context, *certificates.CertificateSigningRequest) (control.Result, error)) control.Controller {
	requests := d.Informers.Certificates().V1().CertificateSigningRequests()
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers,
		Reconcile: func(ctx context.Context, key control.Key) (control.Result, error) {
			return withRequest(ctx, requests.Lister(), key, handle)
		},
		Watches: []source.Source{control.Watch(requests.Informer(), func(_, now *certificates.CertificateSigningRequest) []control.Key {
			if now == nil {
				return nil
			}
			return []control.Key{control.KeyOf("", now.Name)}
		})},
		Writes: []control.Written{control.Shows[certificates.CertificateSigningRequest](requests.Informer())},
	})
}

func withRequest(ctx context.Context, lister certlisters.CertificateSigningRequestLister, key control.Key, handle func(context.Context, *certificates.CertificateSigningRequest) (control.Result, error)) (control.Result, error) {
	request, err := lister.Get(key.Name)
	if apierrors.IsNotFound(err) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read certificate signing request: %w", err)
	}
	return handle(ctx, request)
}

// NewApprover makes the controller that approves client certificates of kubelets.
func NewApprover(d control.Dependencies) (control.Controller, error) {
	a := approver{d}
	return build(d, a.handle), nil
}

type approver struct{ control.Dependencies }

// handle approves a request that is a kubelet's, if its user may have that.
func (a approver) handle(ctx context.Context, csr *certificates.CertificateSigningRequest) (control.Result, error) {
	out := planApproval(csr)
	for _, right := range out.ask {
		allowed, err := a.authorized(ctx, csr, right.subresource)
		if err != nil {
			return control.Result{}, err
		}
		if allowed {
			return control.Result{}, a.approve(ctx, csr, right.message)
		}
	}
	if len(out.ask) > 0 {
		klog.FromContext(ctx).V(2).Info("Not approving request: its user has no right to it", "request", csr.Name, "user", csr.Spec.Username)
	}
	return control.Result{}, nil
}

func (a approver) authorized(ctx context.Context, csr *certificates.CertificateSigningRequest, subresource string) (bool, error) {
	extra := map[string]authorization.ExtraValue{}
	for name, values := range csr.Spec.Extra {
		extra[name] = authorization.ExtraValue(values)
	}
	review, err := a.Client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorization.SubjectAccessReview{Spec: authorization.SubjectAccessReviewSpec{
		User: csr.Spec.Username, UID: csr.Spec.UID, Groups: csr.Spec.Groups, Extra: extra,
		ResourceAttributes: &authorization.ResourceAttributes{
			Group: "certificates.k8s.io", Resource: "certificatesigningrequests", Verb: "create", Subresource: subresource, Version: "*",
		},
	}}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("ask whether %q may have the certificate: %w", csr.Spec.Username, err)
	}
	return review.Status.Allowed, nil
}

func (a approver) approve(ctx context.Context, csr *certificates.CertificateSigningRequest, message string) error {
	csr = csr.DeepCopy()
	csr.Status.Conditions = append(csr.Status.Conditions, certificates.CertificateSigningRequestCondition{
		Type: certificates.CertificateApproved, Status: v1.ConditionTrue, Reason: "AutoApproved", Message: message,
	})
	updated, err := a.Client.CertificatesV1().CertificateSigningRequests().UpdateApproval(ctx, csr.Name, csr, metav1.UpdateOptions{})
	if err != nil {
		return fmt.Errorf("approve request %q: %w", csr.Name, err)
	}
	control.Wrote(ctx, updated)
	return nil
}

// NewSigner makes the controller that signs approved requests. authorities are by signer name; longest is the longest
// validity of a certificate.
func NewSigner(d control.Dependencies, authorities map[string]Authority, longest time.Duration) (control.Controller, error) {
	s := signer{d, map[string]*authority{}, longest}
	var failed []error
	for name, pair := range authorities {
		one, err := newAuthority(pair.CertPEM, pair.KeyPEM)
		if err != nil {
			failed = append(failed, fmt.Errorf("signer %s: %w", name, err))
		}
		s.authorities[name] = one
	}
	return build(d, s.handle), errors.Join(failed...)
}

type signer struct {
	control.Dependencies
	authorities map[string]*authority
	longest     time.Duration
}

// handle signs an approved request, or marks it as failed when its signer does not accept it.
func (s signer) handle(ctx context.Context, csr *certificates.CertificateSigningRequest) (control.Result, error) {
	authority := s.authorities[csr.Spec.SignerName]
	out := planSigning(csr, authority != nil)
	csr = csr.DeepCopy()
	switch {
	case out.fail != "":
		csr.Status.Conditions = append(csr.Status.Conditions, certificates.CertificateSigningRequestCondition{
			Type: certificates.CertificateFailed, Status: v1.ConditionTrue, Reason: "SignerValidationFailure", Message: out.fail,
			LastUpdateTime: metav1.Now(), LastTransitionTime: metav1.Now(),
		})
	case out.sign != nil:
		var err error
		if csr.Status.Certificate, err = authority.sign(out.sign, csr.Spec, s.longest, time.Now()); err != nil {
			return control.Result{}, fmt.Errorf("request %q: %w", csr.Name, err)
		}
	default:
		return control.Result{}, nil
	}
	_, err := control.UpdateStatus(ctx, s.Client.CertificatesV1().CertificateSigningRequests(), csr)
	return control.Result{}, err
}

// NewCleaner makes the controller that deletes old requests.
func NewCleaner(d control.Dependencies) (control.Controller, error) {
	return build(d, func(ctx context.Context, csr *certificates.CertificateSigningRequest) (control.Result, error) {
		out := planCleaning(csr, time.Now())
		if !out.remove {
			return control.Result{RequeueAfter: out.after}, nil
		}
		return control.Result{}, control.Delete(ctx, d.Client.CertificatesV1().CertificateSigningRequests(), csr, metav1.DeleteOptions{})
	}), nil
}
