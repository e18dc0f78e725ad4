package admissionregistration

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Use says what a CEL expression is for, on which depend its type and the variables that it sees.
type Use int

// The uses of expressions.
const (
	MatchCondition Use = iota
	Variable
	Validation
	MessageExpression
	AuditAnnotation
	ApplyConfiguration
	JSONPatch
)

// Expression is one to compile.
type Expression struct {
	Use  Use
	Name string // of a Variable
	Text string
	// Params: it sees parameters. Mutating: it is part of a mutating policy.
	Params, Mutating bool
}

// Compiler gets the expressions of one object in their order, as they see the variables before them, and returns what is
// wrong with each.
type Compiler func(Expression) error

// Rules are the rules of the group with a compiler of expressions, which a server has and this module has not. The
// functions of the package are those of Rules without one: expressions only have to be there.
type Rules struct {
	// NewCompiler makes the compiler of an object that has expressions. Nil takes all.
	NewCompiler func() Compiler

	compile  Compiler // of the present object
	mutating bool
}

// begin takes up an object.
func (r Rules) begin(mutating bool) Rules {
	r.mutating = mutating
	if r.NewCompiler != nil {
		compiler := sync.OnceValue(r.NewCompiler) // dear, and most objects have no expressions
		r.compile = func(e Expression) error { return compiler()(e) }
	}
	return r
}

// Limits of conditions and annotations.
const (
	maxMatchConditions  = 64
	maxAuditAnnotations = 20
	maxAuditExpression  = 5 * 1024
)

// expression wants something that compiles; what is stored already may stay as it is.
func (r Rules) expression(e Expression, stored sets.Set[string], p *field.Path) field.ErrorList {
	if strings.TrimSpace(e.Text) == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	if r.compile == nil {
		return nil
	}
	e.Mutating = r.mutating
	if err := r.compile(e); err != nil && !stored.Has(e.Text) {
		return field.ErrorList{field.Invalid(p, e.Text, err.Error())}
	}
	return nil
}

func (r Rules) matchConditions(list []admissionv1.MatchCondition, params bool, stored sets.Set[string], p *field.Path) field.ErrorList {
	if n := len(list); n > maxMatchConditions {
		return field.ErrorList{field.TooMany(p, n, maxMatchConditions)}
	}
	var errs field.ErrorList
	names := sets.New[string]()
	for i, c := range list {
		cp := p.Index(i)
		errs = append(errs, r.expression(Expression{Use: MatchCondition, Text: c.Expression, Params: params}, stored, cp.Child("expression"))...)
		if c.Name == "" {
			errs = append(errs, field.Required(cp.Child("name"), ""))
			continue
		}
		errs = append(errs, meta.QualifiedName(c.Name, cp.Child("name"))...)
		if names.Has(c.Name) {
			errs = append(errs, field.Duplicate(cp.Child("name"), c.Name))
		}
		names.Insert(c.Name)
	}
	return errs
}

var celIdentifier = regexp.MustCompile(`^[_a-zA-Z][_a-zA-Z0-9]*$`)

func (r Rules) variables(list []admissionv1.Variable, params bool, stored sets.Set[string], p *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[string]()
	for i, v := range list {
		vp := p.Index(i)
		switch {
		case v.Name == "":
			errs = append(errs, field.Required(vp.Child("name"), "name is not specified"))
		case !celIdentifier.MatchString(v.Name):
			errs = append(errs, field.Invalid(vp.Child("name"), v.Name, "name is not a valid CEL identifier"))
		case names.Has(v.Name):
			errs = append(errs, field.Duplicate(vp.Child("name"), v.Name))
		}
		names.Insert(v.Name)
		errs = append(errs, r.expression(Expression{Use: Variable, Name: v.Name, Text: v.Expression, Params: params}, stored, vp.Child("expression"))...)
	}
	return errs
}

func (r Rules) auditAnnotations(policy string, list []admissionv1.AuditAnnotation, params bool, stored sets.Set[string], p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(list) > maxAuditAnnotations {
		errs = append(errs, field.Invalid(p, list, fmt.Sprintf("must not have more than %d auditAnnotations", maxAuditAnnotations)))
	}
	keys := sets.New[string]()
	for i, a := range list {
		ap := p.Index(i)
		if a.Key == "" {
			errs = append(errs, field.Required(ap.Child("key"), ""))
		} else {
			errs = append(errs, meta.Invalid(a.Key, ap.Child("key"), validation.IsQualifiedName(policy+"/"+a.Key))...)
		}
		switch {
		case strings.TrimSpace(a.ValueExpression) == "":
			errs = append(errs, field.Required(ap.Child("valueExpression"), "valueExpression is not specified"))
		case len(a.ValueExpression) > maxAuditExpression:
			errs = append(errs, field.Required(ap.Child("valueExpression"), fmt.Sprintf("must not exceed %d bytes in length", maxAuditExpression)))
		default:
			errs = append(errs, r.expression(Expression{Use: AuditAnnotation, Text: a.ValueExpression, Params: params}, stored, ap.Child("valueExpression"))...)
		}
		if keys.Has(a.Key) {
			errs = append(errs, field.Duplicate(ap.Child("key"), a.Key))
		}
		keys.Insert(a.Key)
	}
	return errs
}

func conditionExpressions(into sets.Set[string], list []admissionv1.MatchCondition) {
	for _, c := range list {
		into.Insert(c.Expression)
	}
}

func variableExpressions(into sets.Set[string], list []admissionv1.Variable) {
	for _, v := range list {
		into.Insert(v.Expression)
	}
}
