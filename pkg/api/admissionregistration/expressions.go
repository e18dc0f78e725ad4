package admissionregistration

import (
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/cel/environment"

	rules "github.com/proa-sh/proa/staging/apirules/admissionregistration"
)

// compiled are the rules of the group, with expressions compiled by the library that evaluates them when requests come.
func compiled() rules.Rules { return rules.Rules{NewCompiler: newCompiler} }

func newCompiler() rules.Compiler {
	compiler, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return func(rules.Expression) error { return err }
	}
	return func(e rules.Expression) error {
		seen := cel.OptionalVariableDeclarations{
			HasParams: e.Params, HasAuthorizer: e.Use != rules.MessageExpression, HasPatchTypes: e.Mutating,
		}
		var result cel.CompilationResult
		if e.Use == rules.Variable {
			result = compiler.CompileAndStoreVariable(&validating.Variable{Name: e.Name, Expression: e.Text}, seen, environment.NewExpressions)
		} else {
			result = compiler.CompileCELExpression(accessor(e), seen, environment.NewExpressions)
		}
		if result.Error != nil {
			return result.Error
		}
		return nil
	}
}

// accessor says by its type what the expression has to give.
func accessor(e rules.Expression) cel.ExpressionAccessor {
	switch e.Use {
	case rules.MatchCondition:
		return &matchconditions.MatchCondition{Expression: e.Text}
	case rules.MessageExpression:
		return &validating.MessageExpressionCondition{MessageExpression: e.Text}
	case rules.AuditAnnotation:
		return &validating.AuditAnnotationCondition{ValueExpression: e.Text}
	case rules.ApplyConfiguration:
		return &patch.ApplyConfigurationCondition{Expression: e.Text}
	case rules.JSONPatch:
		return &patch.JSONPatchCondition{Expression: e.Text}
	}
	return &validating.ValidationCondition{Expression: e.Text}
}
