package admissionregistration

import (
	"strings"
	"testing"

	rules "github.com/proa-sh/proa/staging/apirules/admissionregistration"
)

func TestCompiler(t *testing.T) {
	for _, tc := range []struct {
		name string
		// expressions of one object, of which the last is to fail with fault, if it is not empty.
		expressions []rules.Expression
		fault       string
	}{
		{"condition", []rules.Expression{{Use: rules.MatchCondition, Text: "request.resource.group != 'rbac.authorization.k8s.io'"}}, ""},
		{"no CEL", []rules.Expression{{Use: rules.MatchCondition, Text: "... []"}}, "compilation failed"},
		{"no boolean", []rules.Expression{{Use: rules.Validation, Text: "'a'"}}, "must evaluate to bool but got string"},
		{"unknown field", []rules.Expression{{Use: rules.MatchCondition, Text: "requests.name == ''"}}, "undeclared reference"},
		{"authorizer", []rules.Expression{{Use: rules.Validation, Text: "authorizer.group('').resource('pods').check('get').allowed()"}}, ""},
		{"authorizer in a message", []rules.Expression{{Use: rules.MessageExpression, Text: "string(authorizer.group('').resource('pods').check('get').allowed())"}}, "undeclared reference to 'authorizer'"},
		{"parameters", []rules.Expression{{Use: rules.Validation, Text: "params.data.a == 'b'", Params: true}}, ""},
		{"no parameters", []rules.Expression{{Use: rules.Validation, Text: "params.data.a == 'b'"}}, "undeclared reference to 'params'"},
		{"variables", []rules.Expression{
			{Use: rules.Variable, Name: "replicas", Text: "object.spec.replicas"},
			{Use: rules.Variable, Name: "odd", Text: "variables.replicas % 2 == 1"},
			{Use: rules.Validation, Text: "variables.odd"},
		}, ""},
		{"a variable that comes later", []rules.Expression{
			{Use: rules.MatchCondition, Text: "variables.odd"},
		}, "undefined field 'odd'"},
		{"patch", []rules.Expression{
			{Use: rules.ApplyConfiguration, Text: "Object{metadata: Object.metadata{labels: {'a': 'b'}}}", Mutating: true},
			{Use: rules.JSONPatch, Text: "[JSONPatch{op: 'add', path: '/metadata/labels/a', value: 'b'}]", Mutating: true},
		}, ""},
		{"a patch of another type", []rules.Expression{{Use: rules.JSONPatch, Text: "Object{}", Mutating: true}}, "must evaluate to"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			compile := newCompiler()
			var err error
			for _, e := range tc.expressions {
				if err != nil {
					t.Fatalf("an expression before the last: %v", err)
				}
				err = compile(e)
			}
			if (err != nil) != (tc.fault != "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("error %v, want %q", err, tc.fault)
			}
		})
	}
}
