package registry

import (
	"context"
	"fmt"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// review answers a question of type T that is posted and never stored.
type review[T any, P interface {
	*T
	runtime.Object
}] struct {
	singular   string
	namespaced bool
	answer     func(ctx context.Context, question P) error // fills in the status
}

func (r *review[T, P]) New() runtime.Object     { return P(new(T)) }
func (r *review[T, P]) Destroy()                {}
func (r *review[T, P]) NamespaceScoped() bool   { return r.namespaced }
func (r *review[T, P]) GetSingularName() string { return r.singular }

func (r *review[T, P]) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	question, ok := obj.(P)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("expected a %T, got a %T", P(nil), obj))
	}
	if validate != nil {
		if err := validate(ctx, obj.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	return question, r.answer(ctx, question)
}

func addReviews(_ context.Context, d *Dependencies, served Served) error {
	authn, authz := authenticationv1.GroupName, authorizationv1.GroupName
	served.add(authn, "v1", "tokenreviews", &review[authenticationv1.TokenReview, *authenticationv1.TokenReview]{
		singular: "tokenreview", answer: d.reviewToken})
	served.add(authn, "v1", "selfsubjectreviews", &review[authenticationv1.SelfSubjectReview, *authenticationv1.SelfSubjectReview]{
		singular: "selfsubjectreview", answer: reviewSelf})
	served.add(authz, "v1", "subjectaccessreviews", &review[authorizationv1.SubjectAccessReview, *authorizationv1.SubjectAccessReview]{
		singular: "subjectaccessreview", answer: d.reviewAccess})
	served.add(authz, "v1", "selfsubjectaccessreviews", &review[authorizationv1.SelfSubjectAccessReview, *authorizationv1.SelfSubjectAccessReview]{
		singular: "selfsubjectaccessreview", answer: d.reviewOwnAccess})
	served.add(authz, "v1", "localsubjectaccessreviews", &review[authorizationv1.LocalSubjectAccessReview, *authorizationv1.LocalSubjectAccessReview]{
		singular: "localsubjectaccessreview", namespaced: true, answer: d.reviewLocalAccess})
	served.add(authz, "v1", "selfsubjectrulesreviews", &review[authorizationv1.SelfSubjectRulesReview, *authorizationv1.SelfSubjectRulesReview]{
		singular: "selfsubjectrulesreview", answer: d.reviewRules})
	return nil
}

// reviewToken answers whose a token is, as if a request had come with it.
func (d *Dependencies) reviewToken(ctx context.Context, r *authenticationv1.TokenReview) error {
	if r.Spec.Token == "" {
		return apierrors.NewBadRequest("token is required for TokenReview in authentication")
	}
	audiences := authenticator.Audiences(r.Spec.Audiences)
	if len(audiences) == 0 {
		audiences = d.Audiences
	}
	if len(audiences) > 0 {
		ctx = authenticator.WithAudiences(ctx, audiences)
	}
	answer, ok, err := d.Authenticator.AuthenticateRequest(requestWithToken(ctx, r.Spec.Token))
	r.Status = authenticationv1.TokenReviewStatus{Authenticated: ok && err == nil}
	if err != nil {
		r.Status.Error = err.Error()
		return nil
	}
	if !ok || answer.User == nil {
		return nil
	}
	if len(audiences) > 0 && len(answer.Audiences) > 0 {
		answer.Audiences = audiences.Intersect(answer.Audiences)
		if len(answer.Audiences) == 0 {
			r.Status.Authenticated = false
			return nil
		}
	}
	r.Status.Audiences = answer.Audiences
	r.Status.User = userInfo(answer.User)
	return nil
}

func userInfo(u user.Info) authenticationv1.UserInfo {
	out := authenticationv1.UserInfo{Username: u.GetName(), UID: u.GetUID(), Groups: u.GetGroups()}
	for k, v := range u.GetExtra() {
		if out.Extra == nil {
			out.Extra = map[string]authenticationv1.ExtraValue{}
		}
		out.Extra[k] = v
	}
	return out
}

func reviewSelf(ctx context.Context, r *authenticationv1.SelfSubjectReview) error {
	u, ok := request.UserFrom(ctx)
	if !ok {
		return apierrors.NewBadRequest("no user present on request")
	}
	r.Status.UserInfo = userInfo(u)
	return nil
}

func (d *Dependencies) reviewAccess(ctx context.Context, r *authorizationv1.SubjectAccessReview) error {
	errs := validateAttributes(r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes)
	if r.Spec.User == "" && len(r.Spec.Groups) == 0 {
		errs = append(errs, field.Invalid(field.NewPath("spec", "user"), r.Spec.User, "at least one of user or group must be specified"))
	}
	if len(errs) > 0 {
		return invalidReview(r, errs)
	}
	extra := map[string][]string{}
	for k, v := range r.Spec.Extra {
		extra[k] = v
	}
	u := &user.DefaultInfo{Name: r.Spec.User, UID: r.Spec.UID, Groups: r.Spec.Groups, Extra: extra}
	d.decide(ctx, u, r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes, &r.Status)
	return nil
}

// validateAttributes wants a question about a resource or about a path, and one way to say what it selects.
func validateAttributes(resource *authorizationv1.ResourceAttributes, path *authorizationv1.NonResourceAttributes) field.ErrorList {
	spec := field.NewPath("spec")
	if resource != nil && path != nil {
		return field.ErrorList{field.Invalid(spec.Child("nonResourceAttributes"), path, "cannot be specified in combination with resourceAttributes")}
	}
	if resource == nil && path == nil {
		return field.ErrorList{field.Invalid(spec.Child("resourceAttributes"), resource, "exactly one of nonResourceAttributes or resourceAttributes must be specified")}
	}
	var errs field.ErrorList
	if resource != nil && resource.FieldSelector != nil {
		errs = append(errs, validateSelector(spec.Child("resourceAttributes", "fieldSelector"), resource.FieldSelector.RawSelector, len(resource.FieldSelector.Requirements))...)
	}
	if resource != nil && resource.LabelSelector != nil {
		errs = append(errs, validateSelector(spec.Child("resourceAttributes", "labelSelector"), resource.LabelSelector.RawSelector, len(resource.LabelSelector.Requirements))...)
	}
	return errs
}

// validateSelector wants either the raw form of a selector or its requirements.
func validateSelector(p *field.Path, raw string, requirements int) field.ErrorList {
	if raw != "" && requirements > 0 {
		return field.ErrorList{field.Invalid(p.Child("rawSelector"), raw, "may not specified at the same time as requirements")}
	}
	if raw == "" && requirements == 0 {
		return field.ErrorList{field.Required(p.Child("requirements"), fmt.Sprintf("when %s is specified, requirements or rawSelector is required", p))}
	}
	return nil
}

// invalidReview refuses a question that makes no sense.
func invalidReview(r runtime.Object, errs field.ErrorList) error {
	kind := strings.TrimPrefix(fmt.Sprintf("%T", r), "*v1.")
	return apierrors.NewInvalid(schema.GroupKind{Group: authorizationv1.GroupName, Kind: kind}, "", errs)
}

func (d *Dependencies) reviewLocalAccess(ctx context.Context, r *authorizationv1.LocalSubjectAccessReview) error {
	namespace := request.NamespaceValue(ctx)
	if path := r.Spec.NonResourceAttributes; path != nil {
		return invalidReview(r, field.ErrorList{field.Invalid(field.NewPath("spec", "nonResourceAttributes"), path, "disallowed on this kind of request")})
	}
	if a := r.Spec.ResourceAttributes; a != nil && a.Namespace != namespace {
		return apierrors.NewBadRequest(fmt.Sprintf("spec.resourceAttributes.namespace must match namespace: %v", namespace))
	}
	global := authorizationv1.SubjectAccessReview{Spec: r.Spec}
	err := d.reviewAccess(ctx, &global)
	r.Status = global.Status
	return err
}

func (d *Dependencies) reviewOwnAccess(ctx context.Context, r *authorizationv1.SelfSubjectAccessReview) error {
	u, ok := request.UserFrom(ctx)
	if !ok {
		return apierrors.NewBadRequest("no user present on request")
	}
	if errs := validateAttributes(r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes); len(errs) > 0 {
		return invalidReview(r, errs)
	}
	d.decide(ctx, u, r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes, &r.Status)
	return nil
}

// decide asks the authorizer about a resource or a path.
func (d *Dependencies) decide(ctx context.Context, u user.Info, resource *authorizationv1.ResourceAttributes, path *authorizationv1.NonResourceAttributes, status *authorizationv1.SubjectAccessReviewStatus) {
	question := authorizer.AttributesRecord{User: u}
	if resource != nil {
		question = resourceQuestion(u, resource)
	} else {
		question.Verb, question.Path = path.Verb, path.Path
	}
	decision, reason, err := d.Authorizer.Authorize(ctx, question)
	*status = authorizationv1.SubjectAccessReviewStatus{
		Allowed: decision == authorizer.DecisionAllow,
		Denied:  decision == authorizer.DecisionDeny,
		Reason:  reason,
	}
	if err != nil {
		status.EvaluationError = err.Error()
	}
}

func resourceQuestion(u user.Info, a *authorizationv1.ResourceAttributes) authorizer.AttributesRecord {
	q := authorizer.AttributesRecord{
		User: u, ResourceRequest: true, Verb: a.Verb, Namespace: a.Namespace, APIGroup: a.Group, APIVersion: a.Version,
		Resource: a.Resource, Subresource: a.Subresource, Name: a.Name,
	}
	if a.Version == "" {
		q.APIVersion = "*"
	}
	if s := a.FieldSelector; s != nil {
		q.FieldSelectorRequirements, q.FieldSelectorParsingErr = fieldRequirements(s)
	}
	if s := a.LabelSelector; s != nil {
		q.LabelSelectorRequirements, q.LabelSelectorParsingErr = labelRequirements(s)
	}
	return q
}

func (d *Dependencies) reviewRules(ctx context.Context, r *authorizationv1.SelfSubjectRulesReview) error {
	u, ok := request.UserFrom(ctx)
	if !ok {
		return apierrors.NewBadRequest("no user present on request")
	}
	if r.Spec.Namespace == "" {
		return apierrors.NewBadRequest("no namespace on request")
	}
	resources, paths, incomplete, err := d.RuleResolver.RulesFor(ctx, u, r.Spec.Namespace)
	r.Status = authorizationv1.SubjectRulesReviewStatus{Incomplete: incomplete}
	for _, rule := range resources {
		r.Status.ResourceRules = append(r.Status.ResourceRules, authorizationv1.ResourceRule{
			Verbs: rule.GetVerbs(), APIGroups: rule.GetAPIGroups(), Resources: rule.GetResources(), ResourceNames: rule.GetResourceNames()})
	}
	for _, rule := range paths {
		r.Status.NonResourceRules = append(r.Status.NonResourceRules, authorizationv1.NonResourceRule{
			Verbs: rule.GetVerbs(), NonResourceURLs: rule.GetNonResourceURLs()})
	}
	if err != nil {
		r.Status.EvaluationError = err.Error()
	}
	return nil
}
