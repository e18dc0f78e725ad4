package csr

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	if csr.Spec.SignerName != certificates.KubeAPIServerClientKubeletSignerName || len(csr.Status.Certificate) > 0 ||
		condition(csr, certificates.CertificateApproved) != nil || condition(csr, certificates.CertificateDenied) != nil {
		return control.Result{}, nil
	}
	request, err := parse(csr)
	if err != nil || kubeletClient(csr.Spec.Usages, request) != nil {
		return control.Result{}, nil // for somebody else to decide
	}
	// A node renews its own certificate; a bootstrap token may get any node's.
	rights := []struct{ subresource, message string }{{"nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview."}}
	if request.Subject.CommonName == csr.Spec.Username {
		rights = slices.Insert(rights, 0, struct{ subresource, message string }{"selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview."})
	}
	for _, right := range rights {
		allowed, err := a.authorized(ctx, csr, right.subresource)
		if err != nil {
			return control.Result{}, err
		}
		if allowed {
			return control.Result{}, a.approve(ctx, csr, right.message)
		}
	}
	klog.FromContext(ctx).V(2).Info("Not approving request: its user has no right to it", "request", csr.Name, "user", csr.Spec.Username)
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
	if authority == nil || !approved(csr) || len(csr.Status.Certificate) > 0 || condition(csr, certificates.CertificateFailed) != nil {
		return control.Result{}, nil
	}
	csr = csr.DeepCopy()
	request, err := parse(csr)
	if err == nil {
		err = acceptable(csr.Spec.SignerName, csr.Spec.Usages, request)
	}
	if err != nil {
		csr.Status.Conditions = append(csr.Status.Conditions, certificates.CertificateSigningRequestCondition{
			Type: certificates.CertificateFailed, Status: v1.ConditionTrue, Reason: "SignerValidationFailure", Message: err.Error(),
			LastUpdateTime: metav1.Now(), LastTransitionTime: metav1.Now(),
		})
	} else if csr.Status.Certificate, err = authority.sign(request, csr.Spec, s.longest, time.Now()); err != nil {
		return control.Result{}, fmt.Errorf("request %q: %w", csr.Name, err)
	}
	_, err = control.UpdateStatus(ctx, s.Client.CertificatesV1().CertificateSigningRequests(), csr)
	return control.Result{}, err
}

// NewCleaner makes the controller that deletes old requests.
func NewCleaner(d control.Dependencies) (control.Controller, error) {
	return build(d, func(ctx context.Context, csr *certificates.CertificateSigningRequest) (control.Result, error) {
		left := lifetime(csr, time.Now())
		if left > 0 {
			return control.Result{RequeueAfter: left}, nil
		}
		return control.Result{}, control.Delete(ctx, d.Client.CertificatesV1().CertificateSigningRequests(), csr, metav1.DeleteOptions{})
	}), nil
}

// lifetime is how long a request stays: an hour after it was decided, a day while it is not, and no longer than its
// certificate is valid.
func lifetime(csr *certificates.CertificateSigningRequest, now time.Time) time.Duration {
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
	return max(end.Sub(now), 0)
}
