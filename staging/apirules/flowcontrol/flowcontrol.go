package flowcontrol

import (
	"fmt"
	"math"
	"strings"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// maxHashBits is how many bits of a flow's hash there are to deal a hand of queues from.
const maxHashBits = 60

// maxQueues bounds the queues of a level.
const maxQueues = 10_000_000

// ValidateFlowSchema reports faults of a new schema.
func ValidateFlowSchema(s *flowcontrolv1.FlowSchema) field.ErrorList {
	errs := meta.ClusterScoped(&s.ObjectMeta, meta.SubdomainName)
	p := field.NewPath("spec")
	if v := s.Spec.MatchingPrecedence; v <= 0 {
		errs = append(errs, field.Invalid(p.Child("matchingPrecedence"), v, "must be a positive value"))
	} else if v > flowcontrolv1.FlowSchemaMaxMatchingPrecedence {
		errs = append(errs, field.Invalid(p.Child("matchingPrecedence"), v, fmt.Sprintf("must not be greater than %v", flowcontrolv1.FlowSchemaMaxMatchingPrecedence)))
	}
	if s.Spec.MatchingPrecedence == 1 && s.Name != flowcontrolv1.FlowSchemaNameExempt {
		errs = append(errs, field.Invalid(p.Child("matchingPrecedence"), s.Spec.MatchingPrecedence, "only the schema named 'exempt' may have matchingPrecedence 1"))
	}
	if m := s.Spec.DistinguisherMethod; m != nil {
		errs = append(errs, meta.In(m.Type, p.Child("distinguisherMethod", "type"), flowcontrolv1.FlowDistinguisherMethodByNamespaceType, flowcontrolv1.FlowDistinguisherMethodByUserType)...)
	}
	if ref := s.Spec.PriorityLevelConfiguration.Name; ref == "" {
		errs = append(errs, field.Required(p.Child("priorityLevelConfiguration", "name"), "must reference a priority level"))
	} else {
		errs = append(errs, meta.Invalid(ref, p.Child("priorityLevelConfiguration", "name"), validation.IsDNS1123Subdomain(ref))...)
	}
	for i := range s.Spec.Rules {
		errs = append(errs, rule(&s.Spec.Rules[i], p.Child("rules").Index(i))...)
	}
	return errs
}

func rule(r *flowcontrolv1.PolicyRulesWithSubjects, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(r.Subjects) == 0 {
		errs = append(errs, field.Required(p.Child("subjects"), "subjects must contain at least one value"))
	}
	for i := range r.Subjects {
		errs = append(errs, subject(&r.Subjects[i], p.Child("subjects").Index(i))...)
	}
	if len(r.ResourceRules) == 0 && len(r.NonResourceRules) == 0 {
		errs = append(errs, field.Required(p, "at least one of resourceRules and nonResourceRules has to be non-empty"))
	}
	for i := range r.ResourceRules {
		errs = append(errs, resourceRule(&r.ResourceRules[i], p.Child("resourceRules").Index(i))...)
	}
	for i := range r.NonResourceRules {
		n, np := &r.NonResourceRules[i], p.Child("nonResourceRules").Index(i)
		errs = append(errs, names(n.Verbs, "verbs", true, np.Child("verbs"))...)
		errs = append(errs, urls(n.NonResourceURLs, np.Child("nonResourceURLs"))...)
	}
	return errs
}

func subject(s *flowcontrolv1.Subject, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	forbid := func(set bool, name string) {
		if set {
			errs = append(errs, field.Forbidden(p.Child(name), fmt.Sprintf("%s is forbidden when subject kind is not '%s'", name, kindOf(name))))
		}
	}
	forbid(s.User != nil && s.Kind != flowcontrolv1.SubjectKindUser, "user")
	forbid(s.Group != nil && s.Kind != flowcontrolv1.SubjectKindGroup, "group")
	forbid(s.ServiceAccount != nil && s.Kind != flowcontrolv1.SubjectKindServiceAccount, "serviceAccount")
	switch s.Kind {
	case flowcontrolv1.SubjectKindUser:
		if s.User == nil {
			return append(errs, field.Required(p.Child("user"), "user is required when subject kind is 'User'"))
		}
		return append(errs, meta.Required(s.User.Name, p.Child("user", "name"))...)
	case flowcontrolv1.SubjectKindGroup:
		if s.Group == nil {
			return append(errs, field.Required(p.Child("group"), "group is required when subject kind is 'Group'"))
		}
		return append(errs, meta.Required(s.Group.Name, p.Child("group", "name"))...)
	case flowcontrolv1.SubjectKindServiceAccount:
		if s.ServiceAccount == nil {
			return append(errs, field.Required(p.Child("serviceAccount"), "serviceAccount is required when subject kind is 'ServiceAccount'"))
		}
		return append(errs, account(s.ServiceAccount, p.Child("serviceAccount"))...)
	}
	return append(errs, field.NotSupported(p.Child("kind"), s.Kind, []flowcontrolv1.SubjectKind{
		flowcontrolv1.SubjectKindGroup, flowcontrolv1.SubjectKindServiceAccount, flowcontrolv1.SubjectKindUser}))
}

func kindOf(name string) flowcontrolv1.SubjectKind {
	switch name {
	case "user":
		return flowcontrolv1.SubjectKindUser
	case "group":
		return flowcontrolv1.SubjectKindGroup
	}
	return flowcontrolv1.SubjectKindServiceAccount
}

func account(a *flowcontrolv1.ServiceAccountSubject, p *field.Path) field.ErrorList {
	errs := meta.Required(a.Name, p.Child("name"))
	if a.Name != "" && a.Name != flowcontrolv1.NameAll {
		errs = append(errs, meta.Invalid(a.Name, p.Child("name"), validation.IsDNS1123Subdomain(a.Name))...)
	}
	if a.Namespace == "" {
		return append(errs, field.Required(p.Child("namespace"), "must specify namespace for service account"))
	}
	return append(errs, meta.Invalid(a.Namespace, p.Child("namespace"), validation.IsDNS1123Label(a.Namespace))...)
}

// names wants something, and a wildcard to stand alone.
func names(list []string, what string, required bool, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if required && len(list) == 0 {
		errs = append(errs, field.Required(p, what+" must contain at least one value"))
	}
	if len(list) > 1 && sets.New(list...).Has("*") {
		errs = append(errs, field.Invalid(p, list, "if '*' is present, must not specify other "+what))
	}
	return errs
}

func resourceRule(r *flowcontrolv1.ResourcePolicyRule, p *field.Path) field.ErrorList {
	errs := names(r.Verbs, "verbs", true, p.Child("verbs"))
	errs = append(errs, names(r.APIGroups, "api groups", true, p.Child("apiGroups"))...)
	errs = append(errs, names(r.Resources, "resources", true, p.Child("resources"))...)
	np := p.Child("namespaces")
	if len(r.Namespaces) == 0 && !r.ClusterScope {
		errs = append(errs, field.Required(np, "resource rules that are not cluster scoped must supply at least one namespace"))
	}
	errs = append(errs, names(r.Namespaces, "namespaces", false, np)...)
	for i, ns := range r.Namespaces {
		if ns != flowcontrolv1.NamespaceEvery {
			errs = append(errs, meta.Invalid(ns, np.Index(i), validation.IsDNS1123Label(ns))...)
		}
	}
	return errs
}

func urls(list []string, p *field.Path) field.ErrorList {
	errs := names(list, "non-resource URLs", true, p)
	for i, u := range list {
		if u == flowcontrolv1.NonResourceAll {
			continue
		}
		up := p.Index(i)
		switch {
		case u == "":
			errs = append(errs, field.Invalid(up, u, "must not be empty"))
			continue
		case !strings.HasPrefix(u, "/"):
			errs = append(errs, field.Invalid(up, u, "must start with slash"))
		case strings.Contains(u, " "):
			errs = append(errs, field.Invalid(up, u, "must not contain white-space"))
		}
		if rest := strings.TrimSuffix(u, "/*"); strings.Contains(rest, "*") {
			errs = append(errs, field.Invalid(up, u, "wildcard can only do suffix matching"))
		}
	}
	return errs
}

// ValidateFlowSchemaUpdate reports faults of a schema that is to replace old.
func ValidateFlowSchemaUpdate(newS, old *flowcontrolv1.FlowSchema) field.ErrorList {
	return append(meta.Update(&newS.ObjectMeta, &old.ObjectMeta), ValidateFlowSchema(newS)...)
}

// ValidateFlowSchemaStatusUpdate rules what the server reports of a schema.
func ValidateFlowSchemaStatusUpdate(newS, old *flowcontrolv1.FlowSchema) field.ErrorList {
	errs := meta.Update(&newS.ObjectMeta, &old.ObjectMeta)
	seen := sets.New[flowcontrolv1.FlowSchemaConditionType]()
	for i, c := range newS.Status.Conditions {
		cp := field.NewPath("status", "conditions").Index(i).Child("type")
		if seen.Has(c.Type) {
			errs = append(errs, field.Duplicate(cp, c.Type))
		}
		seen.Insert(c.Type)
		errs = append(errs, meta.Required(string(c.Type), cp)...)
	}
	return errs
}

// ValidatePriorityLevelConfiguration reports faults of a new level.
func ValidatePriorityLevelConfiguration(l *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	errs := meta.ClusterScoped(&l.ObjectMeta, meta.SubdomainName)
	p, s := field.NewPath("spec"), &l.Spec
	if (l.Name == flowcontrolv1.PriorityLevelConfigurationNameExempt) != (s.Type == flowcontrolv1.PriorityLevelEnablementExempt) {
		errs = append(errs, field.Invalid(p.Child("type"), s.Type, "type must be 'Exempt' if and only if name is 'exempt'"))
	}
	switch s.Type {
	case flowcontrolv1.PriorityLevelEnablementExempt:
		if s.Limited != nil {
			errs = append(errs, field.Forbidden(p.Child("limited"), "must be nil if the type is not Limited"))
		}
		if s.Exempt != nil {
			errs = append(errs, shares(s.Exempt.NominalConcurrencyShares, s.Exempt.LendablePercent, p.Child("exempt"))...)
		}
	case flowcontrolv1.PriorityLevelEnablementLimited:
		if s.Exempt != nil {
			errs = append(errs, field.Forbidden(p.Child("exempt"), "must be nil if the type is Limited"))
		}
		if s.Limited == nil {
			return append(errs, field.Required(p.Child("limited"), "must not be empty when type is Limited"))
		}
		errs = append(errs, limited(s.Limited, p.Child("limited"))...)
	default:
		errs = append(errs, field.NotSupported(p.Child("type"), s.Type, []flowcontrolv1.PriorityLevelEnablement{
			flowcontrolv1.PriorityLevelEnablementExempt, flowcontrolv1.PriorityLevelEnablementLimited}))
	}
	return errs
}

func shares(n, lendable *int32, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if n != nil && *n < 0 {
		errs = append(errs, field.Invalid(p.Child("nominalConcurrencyShares"), *n, "must be a non-negative integer"))
	}
	if lendable != nil && (*lendable < 0 || *lendable > 100) {
		errs = append(errs, field.Invalid(p.Child("lendablePercent"), *lendable, "must be between 0 and 100, inclusive"))
	}
	return errs
}

func limited(l *flowcontrolv1.LimitedPriorityLevelConfiguration, p *field.Path) field.ErrorList {
	errs := shares(l.NominalConcurrencyShares, l.LendablePercent, p)
	if v := l.BorrowingLimitPercent; v != nil && *v < 0 {
		errs = append(errs, field.Invalid(p.Child("borrowingLimitPercent"), *v, "if specified, must be a non-negative integer"))
	}
	rp := p.Child("limitResponse")
	switch l.LimitResponse.Type {
	case flowcontrolv1.LimitResponseTypeReject:
		if l.LimitResponse.Queuing != nil {
			errs = append(errs, field.Forbidden(rp.Child("queuing"), "must be nil if limited.limitResponse.type is not Limited"))
		}
	case flowcontrolv1.LimitResponseTypeQueue:
		if l.LimitResponse.Queuing == nil {
			return append(errs, field.Required(rp.Child("queuing"), "must not be empty if limited.limitResponse.type is Limited"))
		}
		errs = append(errs, queuing(l.LimitResponse.Queuing, rp.Child("queuing"))...)
	default:
		errs = append(errs, field.NotSupported(rp.Child("type"), l.LimitResponse.Type, []flowcontrolv1.LimitResponseType{
			flowcontrolv1.LimitResponseTypeQueue, flowcontrolv1.LimitResponseTypeReject}))
	}
	return errs
}

// queuing wants hands that can be dealt from the bits of a hash.
func queuing(q *flowcontrolv1.QueuingConfiguration, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if q.QueueLengthLimit <= 0 {
		errs = append(errs, field.Invalid(p.Child("queueLengthLimit"), q.QueueLengthLimit, "must be positive"))
	}
	switch {
	case q.Queues <= 0:
		return append(errs, field.Invalid(p.Child("queues"), q.Queues, "must be positive"))
	case q.Queues > maxQueues:
		errs = append(errs, field.Invalid(p.Child("queues"), q.Queues, fmt.Sprintf("must not be greater than %d", maxQueues)))
	}
	switch {
	case q.HandSize <= 0:
		errs = append(errs, field.Invalid(p.Child("handSize"), q.HandSize, "must be positive"))
	case q.HandSize > q.Queues:
		errs = append(errs, field.Invalid(p.Child("handSize"), q.HandSize, fmt.Sprintf("should not be greater than queues (%d)", q.Queues)))
	case entropyBits(q.Queues, q.HandSize) > maxHashBits:
		errs = append(errs, field.Invalid(p.Child("handSize"), q.HandSize, fmt.Sprintf("required entropy bits of deckSize %d and handSize %d should not be greater than %d", q.Queues, q.HandSize, maxHashBits)))
	}
	return errs
}

// entropyBits is how many bits it takes to deal a hand from a deck without putting cards back.
func entropyBits(deck, hand int32) int {
	var bits float64
	for i := range hand {
		if left := deck - i; left > 0 {
			bits += math.Log2(float64(left))
		}
		if bits > maxHashBits {
			break
		}
	}
	return int(math.Ceil(bits))
}

// ValidatePriorityLevelConfigurationUpdate reports faults of a level that is to replace old.
func ValidatePriorityLevelConfigurationUpdate(newL, old *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	return append(meta.Update(&newL.ObjectMeta, &old.ObjectMeta), ValidatePriorityLevelConfiguration(newL)...)
}

// ValidatePriorityLevelConfigurationStatusUpdate rules what the server reports of a level.
func ValidatePriorityLevelConfigurationStatusUpdate(newL, old *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	errs := meta.Update(&newL.ObjectMeta, &old.ObjectMeta)
	seen := sets.New[flowcontrolv1.PriorityLevelConfigurationConditionType]()
	for i, c := range newL.Status.Conditions {
		cp := field.NewPath("status", "conditions").Index(i).Child("type")
		if seen.Has(c.Type) {
			errs = append(errs, field.Duplicate(cp, c.Type))
		}
		seen.Insert(c.Type)
		errs = append(errs, meta.Required(string(c.Type), cp)...)
	}
	return errs
}
