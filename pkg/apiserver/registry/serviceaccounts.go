package registry

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/proa-sh/proa/pkg/apiserver/authn/tokens"
)

func addServiceAccountActions(_ context.Context, d *Dependencies, served Served) error {
	token := &tokenStore{d: d}
	var err error
	for resource, store := range map[string]**genericregistry.Store{"serviceaccounts": &token.accounts, "pods": &token.pods, "secrets": &token.secrets, "nodes": &token.nodes} {
		if *store, err = d.store("", resource); err != nil {
			return err
		}
	}
	served.add("", "v1", "serviceaccounts/token", token)
	return nil
}

// tokenStore serves serviceaccounts/token (KEP-1205): a creation answers with a new token.
type tokenStore struct {
	d                              *Dependencies
	accounts, pods, secrets, nodes *genericregistry.Store
}

const (
	minTokenLife = 10 * time.Minute
	// A token of a pod for the API server itself lives this long when it may be extended, and warns from the time at which
	// it would have ended.
	extendedTokenLife = 365 * 24 * time.Hour
	// Kubelets ask for this lifetime for pods' default tokens, which are those that are extended. The odd 7 seconds tell
	// them from tokens that somebody asked for.
	podTokenLife = 60*60 + 7
)

func (t *tokenStore) New() runtime.Object   { return &authenticationv1.TokenRequest{} }
func (t *tokenStore) Destroy()              {}
func (t *tokenStore) NamespaceScoped() bool { return true }

// PreserveRequestObjectMetaSystemFieldsOnSubresourceCreate keeps the UID that a request names the account by.
func (t *tokenStore) PreserveRequestObjectMetaSystemFieldsOnSubresourceCreate() bool { return true }

// GroupVersionKind of the subresource, which is of another group than its resource.
func (t *tokenStore) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return authenticationv1.SchemeGroupVersion.WithKind("TokenRequest")
}

func (t *tokenStore) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	r, ok := obj.(*authenticationv1.TokenRequest)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("expected a TokenRequest, got a %T", obj))
	}
	account, err := read[*corev1.ServiceAccount](ctx, t.accounts, name)
	if err != nil {
		return nil, err
	}
	if r.Name != "" && r.Name != account.Name {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("metadata.name: must match the service account name: %s != %s", r.Name, account.Name))
	}
	if r.UID != "" && r.UID != account.UID {
		return nil, apierrors.NewConflict(corev1.Resource("serviceaccounts"), account.Name,
			fmt.Errorf("the UID in the token request (%s) does not match the UID of the service account (%s)", r.UID, account.UID))
	}
	t.complete(r, account)
	if validate != nil {
		if err := validate(ctx, r.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	if errs := t.check(r); len(errs) > 0 {
		return nil, apierrors.NewInvalid(authenticationv1.SchemeGroupVersion.WithKind("TokenRequest").GroupKind(), name, errs)
	}
	ask := tokens.Request{
		Namespace: account.Namespace, ServiceAccount: account.Name, ServiceAccountUID: string(account.UID),
		Audiences: r.Spec.Audiences, Lifetime: time.Duration(*r.Spec.ExpirationSeconds) * time.Second,
	}
	if ref := r.Spec.BoundObjectRef; ref != nil {
		if err := t.bind(ctx, ref, account.Name, &ask); err != nil {
			return nil, err
		}
	}
	now := t.d.Now()
	r.Status.ExpirationTimestamp = metav1.NewTime(now.Add(ask.Lifetime))
	if ask.Pod != nil && t.extends(r) {
		ask.WarnAfter, ask.Lifetime = ask.Lifetime, extendedTokenLife
	}
	var id string
	if r.Status.Token, id, err = t.d.Issuer.Issue(ask, now); err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	// Users of the token have it in their extra values, as authentication.kubernetes.io/credential-id.
	audit.AddAuditAnnotation(ctx, serviceaccount.IssuedCredentialIDAuditAnnotationKey, "JTI="+id)
	return r, nil
}

// complete fills in what was left out and bounds the lifetime.
func (t *tokenStore) complete(r *authenticationv1.TokenRequest, account *corev1.ServiceAccount) {
	if r.Name == "" {
		r.Name = account.Name
	}
	if r.Namespace == "" {
		r.Namespace = account.Namespace
	}
	r.CreationTimestamp = metav1.NewTime(t.d.Now())
	if len(r.Spec.Audiences) == 0 {
		r.Spec.Audiences = t.d.Audiences
	}
	if r.Spec.ExpirationSeconds == nil {
		hour := int64(time.Hour / time.Second)
		r.Spec.ExpirationSeconds = &hour
	}
	if limit := int64(t.d.MaxTokenLife / time.Second); limit > 0 && *r.Spec.ExpirationSeconds > limit {
		r.Spec.ExpirationSeconds = &limit
	}
}

func (t *tokenStore) check(r *authenticationv1.TokenRequest) field.ErrorList {
	var errs field.ErrorList
	expiration := field.NewPath("spec", "expirationSeconds")
	if *r.Spec.ExpirationSeconds < int64(minTokenLife/time.Second) {
		errs = append(errs, field.Invalid(expiration, *r.Spec.ExpirationSeconds, "may not specify a duration less than 10 minutes"))
	}
	if *r.Spec.ExpirationSeconds > 1<<32 {
		errs = append(errs, field.Invalid(expiration, *r.Spec.ExpirationSeconds, "may not specify a duration larger than 2^32 seconds"))
	}
	return errs
}

func (t *tokenStore) extends(r *authenticationv1.TokenRequest) bool {
	if !t.d.ExtendTokens || *r.Spec.ExpirationSeconds != podTokenLife || len(r.Spec.Audiences) == 0 {
		return false
	}
	for _, a := range r.Spec.Audiences {
		if !t.d.Audiences.Has(a) {
			return false
		}
	}
	return true
}

// bind checks that the object that the token is to be bound to exists and belongs to the account.
func (t *tokenStore) bind(ctx context.Context, ref *authenticationv1.BoundObjectReference, account string, ask *tokens.Request) error {
	switch (schema.GroupVersionKind{Version: ref.APIVersion, Kind: ref.Kind}) {
	case corev1.SchemeGroupVersion.WithKind("Pod"):
		pod, err := read[*corev1.Pod](ctx, t.pods, ref.Name)
		if err != nil {
			return err
		}
		if pod.Spec.ServiceAccountName != account {
			return apierrors.NewBadRequest(fmt.Sprintf("cannot bind token for serviceaccount %q to pod running with different serviceaccount name.", account))
		}
		ask.Pod = &tokens.Object{Name: pod.Name, UID: string(pod.UID)}
		if pod.Spec.NodeName != "" {
			ask.Node = &tokens.Object{Name: pod.Spec.NodeName, UID: string(t.nodeUID(ctx, pod.Spec.NodeName))}
		}
		return sameUID(ref, pod)
	case corev1.SchemeGroupVersion.WithKind("Secret"):
		secret, err := read[*corev1.Secret](ctx, t.secrets, ref.Name)
		if err != nil {
			return err
		}
		ask.Secret = &tokens.Object{Name: secret.Name, UID: string(secret.UID)}
		return sameUID(ref, secret)
	case corev1.SchemeGroupVersion.WithKind("Node"):
		node, err := read[*corev1.Node](request.WithNamespace(ctx, ""), t.nodes, ref.Name)
		if err != nil {
			return err
		}
		ask.Node = &tokens.Object{Name: node.Name, UID: string(node.UID)}
		return sameUID(ref, node)
	}
	return apierrors.NewBadRequest(fmt.Sprintf("cannot bind token to object of type %s, Kind=%s", ref.APIVersion, ref.Kind))
}

// nodeUID is that of a node, or empty if it is gone.
func (t *tokenStore) nodeUID(ctx context.Context, name string) types.UID {
	node, err := read[*corev1.Node](request.WithNamespace(ctx, ""), t.nodes, name)
	if err != nil {
		return ""
	}
	return node.UID
}

func sameUID(ref *authenticationv1.BoundObjectReference, obj metav1.Object) error {
	if ref.UID != "" && ref.UID != obj.GetUID() {
		return apierrors.NewConflict(schema.GroupResource{Resource: ref.Kind}, ref.Name,
			fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", ref.UID))
	}
	return nil
}

// read gets an object of a known type from a store.
func read[P runtime.Object](ctx context.Context, store *genericregistry.Store, name string) (P, error) {
	var none P
	obj, err := store.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return none, err
	}
	p, ok := obj.(P)
	if !ok {
		return none, fmt.Errorf("read %s %q: got a %T", store.DefaultQualifiedResource, name, obj)
	}
	return p, nil
}
