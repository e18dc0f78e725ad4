package admissionregistration

import (
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidateValidatingAdmissionPolicy reports faults of a new policy.
func ValidateValidatingAdmissionPolicy(p *admissionv1.ValidatingAdmissionPolicy) field.ErrorList {
	return Rules{}.ValidateValidatingAdmissionPolicy(p)
}

// ValidateValidatingAdmissionPolicyUpdate reports faults of a policy that is to replace old.
func ValidateValidatingAdmissionPolicyUpdate(newP, old *admissionv1.ValidatingAdmissionPolicy) field.ErrorList {
	return Rules{}.ValidateValidatingAdmissionPolicyUpdate(newP, old)
}

// ValidateMutatingAdmissionPolicy reports faults of a new policy.
func ValidateMutatingAdmissionPolicy(p *admissionv1.MutatingAdmissionPolicy) field.ErrorList {
	return Rules{}.ValidateMutatingAdmissionPolicy(p)
}

// ValidateMutatingAdmissionPolicyUpdate reports faults of a policy that is to replace old.
func ValidateMutatingAdmissionPolicyUpdate(newP, old *admissionv1.MutatingAdmissionPolicy) field.ErrorList {
	return Rules{}.ValidateMutatingAdmissionPolicyUpdate(newP, old)
}

// ValidateValidatingAdmissionPolicy is the function of that name, with expressions compiled.
func (r Rules) ValidateValidatingAdmissionPolicy(p *admissionv1.ValidatingAdmissionPolicy) field.ErrorList {
	errs := meta.ClusterScoped(&p.ObjectMeta, meta.SubdomainName)
	return append(errs, r.validatingSpec(p.Name, &p.Spec, nil)...)
}

// ValidateValidatingAdmissionPolicyUpdate is the function of that name, with expressions compiled.
func (r Rules) ValidateValidatingAdmissionPolicyUpdate(newP, old *admissionv1.ValidatingAdmissionPolicy) field.ErrorList {
	errs := meta.Update(&newP.ObjectMeta, &old.ObjectMeta)
	return append(errs, r.validatingSpec(newP.Name, &newP.Spec, &old.Spec)...)
}

// ValidateValidatingAdmissionPolicyStatusUpdate rules what the type checker reports.
func ValidateValidatingAdmissionPolicyStatusUpdate(newP, old *admissionv1.ValidatingAdmissionPolicy) field.ErrorList {
	errs := meta.Update(&newP.ObjectMeta, &old.ObjectMeta)
	p := field.NewPath("status")
	if t := newP.Status.TypeChecking; t != nil {
		for i, w := range t.ExpressionWarnings {
			wp := p.Child("typeChecking", "expressionWarnings").Index(i)
			errs = append(errs, meta.Required(w.FieldRef, wp.Child("fieldRef"))...)
			errs = append(errs, meta.Required(w.Warning, wp.Child("warning"))...)
		}
	}
	return append(errs, metavalidation.ValidateConditions(newP.Status.Conditions, p.Child("conditions"))...)
}

func (r Rules) validatingSpec(name string, s, old *admissionv1.ValidatingAdmissionPolicySpec) field.ErrorList {
	r = r.begin(false)
	p, stored := field.NewPath("spec"), sets.New[string]()
	if old != nil {
		conditionExpressions(stored, old.MatchConditions)
		variableExpressions(stored, old.Variables)
		for _, v := range old.Validations {
			stored.Insert(v.Expression, v.MessageExpression)
		}
		for _, a := range old.AuditAnnotations {
			stored.Insert(a.ValueExpression)
		}
		if (old.ParamKind == nil) != (s.ParamKind == nil) {
			stored = sets.New[string]() // expressions see other variables now
		}
	}
	var oldMatch *admissionv1.MatchResources
	if old != nil {
		oldMatch = old.MatchConstraints
	}
	params := s.ParamKind != nil
	errs := r.common(common{s.FailurePolicy, s.ParamKind, s.MatchConstraints, oldMatch, s.MatchConditions, s.Variables}, stored, p)
	if len(s.Validations) == 0 && len(s.AuditAnnotations) == 0 {
		errs = append(errs, field.Required(p.Child("validations"), "validations or auditAnnotations must be non-empty"))
		errs = append(errs, field.Required(p.Child("auditAnnotations"), "validations or auditAnnotations must be non-empty"))
		return errs
	}
	for i := range s.Validations {
		errs = append(errs, r.validation(&s.Validations[i], params, stored, p.Child("validations").Index(i))...)
	}
	return append(errs, r.auditAnnotations(name, s.AuditAnnotations, params, stored, p.Child("auditAnnotations"))...)
}

// common is what both kinds of policies have.
type common struct {
	failure     *admissionv1.FailurePolicyType
	params      *admissionv1.ParamKind
	match       *admissionv1.MatchResources
	storedMatch *admissionv1.MatchResources
	conditions  []admissionv1.MatchCondition
	variables   []admissionv1.Variable
}

func (r Rules) common(c common, stored sets.Set[string], p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.failure == nil {
		errs = append(errs, field.Required(p.Child("failurePolicy"), ""))
	} else {
		errs = append(errs, meta.In(*c.failure, p.Child("failurePolicy"), admissionv1.Fail, admissionv1.Ignore)...)
	}
	if c.params != nil {
		errs = append(errs, paramKind(c.params, p.Child("paramKind"))...)
	}
	mp := p.Child("matchConstraints")
	if c.match == nil {
		errs = append(errs, field.Required(mp, ""))
	} else {
		errs = append(errs, matchResources(c.match, tolerates(c.storedMatch), mp)...)
		if len(c.match.ResourceRules) == 0 {
			errs = append(errs, field.Required(mp.Child("resourceRules"), ""))
		}
	}
	errs = append(errs, r.matchConditions(c.conditions, c.params != nil, stored, p.Child("matchConditions"))...)
	return append(errs, r.variables(c.variables, c.params != nil, stored, p.Child("variables"))...)
}

func tolerates(m *admissionv1.MatchResources) bool {
	return m != nil && (meta.SelectorHasInvalidValue(m.NamespaceSelector) || meta.SelectorHasInvalidValue(m.ObjectSelector))
}

func paramKind(k *admissionv1.ParamKind, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	gv, err := schema.ParseGroupVersion(k.APIVersion)
	switch {
	case k.APIVersion == "":
		errs = append(errs, field.Required(p.Child("apiVersion"), ""))
	case err != nil:
		errs = append(errs, field.Invalid(p.Child("apiVersion"), k.APIVersion, err.Error()))
	default:
		if gv.Group != "" {
			errs = append(errs, meta.Invalid(gv.Group, p.Child("apiVersion"), validation.IsDNS1123Subdomain(gv.Group))...)
		}
		errs = append(errs, meta.Invalid(gv.Version, p.Child("apiVersion"), validation.IsDNS1035Label(gv.Version))...)
	}
	if k.Kind == "" {
		return append(errs, field.Required(p.Child("kind"), ""))
	}
	return append(errs, meta.Invalid(k.Kind, p.Child("kind"), validation.IsDNS1035Label(strings.ToLower(k.Kind)))...)
}

func (r Rules) validation(v *admissionv1.Validation, params bool, stored sets.Set[string], p *field.Path) field.ErrorList {
	var errs field.ErrorList
	expression, message := strings.TrimSpace(v.Expression), strings.TrimSpace(v.Message)
	if expression == "" {
		errs = append(errs, field.Required(p.Child("expression"), "expression is not specified"))
	} else {
		errs = append(errs, r.expression(Expression{Use: Validation, Text: v.Expression, Params: params}, stored, p.Child("expression"))...)
	}
	if me := strings.TrimSpace(v.MessageExpression); v.MessageExpression != "" && me == "" {
		errs = append(errs, field.Invalid(p.Child("messageExpression"), v.MessageExpression, "must be non-empty if specified"))
	} else if me != "" {
		errs = append(errs, r.expression(Expression{Use: MessageExpression, Text: v.MessageExpression, Params: params}, stored, p.Child("messageExpression"))...)
	}
	switch {
	case v.Message != "" && message == "":
		errs = append(errs, field.Invalid(p.Child("message"), v.Message, "message must be non-empty if specified"))
	case strings.ContainsAny(message, "\r\n"):
		errs = append(errs, field.Invalid(p.Child("message"), v.Message, "message must not contain line breaks"))
	case v.Message == "" && strings.ContainsAny(expression, "\r\n"):
		errs = append(errs, field.Required(p.Child("message"), "message must be specified if expression contains line breaks"))
	}
	if v.Reason != nil {
		errs = append(errs, meta.In(*v.Reason, p.Child("reason"), metav1.StatusReasonForbidden, metav1.StatusReasonInvalid,
			metav1.StatusReasonRequestEntityTooLarge, metav1.StatusReasonUnauthorized)...)
	}
	return errs
}

// ValidateMutatingAdmissionPolicy is the function of that name, with expressions compiled.
func (r Rules) ValidateMutatingAdmissionPolicy(p *admissionv1.MutatingAdmissionPolicy) field.ErrorList {
	errs := meta.ClusterScoped(&p.ObjectMeta, meta.SubdomainName)
	return append(errs, r.mutatingSpec(&p.Spec, nil)...)
}

// ValidateMutatingAdmissionPolicyUpdate is the function of that name, with expressions compiled.
func (r Rules) ValidateMutatingAdmissionPolicyUpdate(newP, old *admissionv1.MutatingAdmissionPolicy) field.ErrorList {
	errs := meta.Update(&newP.ObjectMeta, &old.ObjectMeta)
	return append(errs, r.mutatingSpec(&newP.Spec, &old.Spec)...)
}

func (r Rules) mutatingSpec(s, old *admissionv1.MutatingAdmissionPolicySpec) field.ErrorList {
	r = r.begin(true)
	p, stored := field.NewPath("spec"), sets.New[string]()
	var oldMatch *admissionv1.MatchResources
	if old != nil {
		oldMatch = old.MatchConstraints
		conditionExpressions(stored, old.MatchConditions)
		variableExpressions(stored, old.Variables)
		if (old.ParamKind == nil) != (s.ParamKind == nil) {
			stored = sets.New[string]()
		}
	}
	errs := r.common(common{s.FailurePolicy, s.ParamKind, s.MatchConstraints, oldMatch, s.MatchConditions, s.Variables}, stored, p)
	if len(s.Mutations) == 0 {
		errs = append(errs, field.Required(p.Child("mutations"), "mutations must contain at least one item"))
	}
	for i := range s.Mutations {
		errs = append(errs, r.mutation(&s.Mutations[i], s.ParamKind != nil, p.Child("mutations").Index(i))...)
	}
	return append(errs, meta.OneOf(s.ReinvocationPolicy, p.Child("reinvocationPolicy"),
		admissionv1.IfNeededReinvocationPolicy, admissionv1.NeverReinvocationPolicy)...)
}

func (r Rules) mutation(m *admissionv1.Mutation, params bool, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	none := sets.New[string]()
	switch m.PatchType {
	case admissionv1.PatchTypeApplyConfiguration:
		if m.ApplyConfiguration == nil {
			errs = append(errs, field.Required(p.Child("applyConfiguration"), "must be specified when patchType is ApplyConfiguration"))
		} else {
			errs = append(errs, r.expression(Expression{Use: ApplyConfiguration, Text: m.ApplyConfiguration.Expression, Params: params}, none, p.Child("applyConfiguration", "expression"))...)
		}
		if m.JSONPatch != nil {
			errs = append(errs, field.Invalid(p.Child("jsonPatch"), "{}", "must not be specified when patchType is ApplyConfiguration"))
		}
	case admissionv1.PatchTypeJSONPatch:
		if m.JSONPatch == nil {
			errs = append(errs, field.Required(p.Child("jsonPatch"), "must be specified when patchType is JSONPatch"))
		} else {
			errs = append(errs, r.expression(Expression{Use: JSONPatch, Text: m.JSONPatch.Expression, Params: params}, none, p.Child("jsonPatch", "expression"))...)
		}
		if m.ApplyConfiguration != nil {
			errs = append(errs, field.Invalid(p.Child("applyConfiguration"), "{}", "must not be specified when patchType is JSONPatch"))
		}
	default:
		errs = append(errs, meta.OneOf(m.PatchType, p.Child("patchType"), admissionv1.PatchTypeApplyConfiguration, admissionv1.PatchTypeJSONPatch)...)
	}
	return errs
}
