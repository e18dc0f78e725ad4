package api

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestRulesAreUsed checks that every rule that staging/apirules has for a kind is in the kind's declaration.
func TestRulesAreUsed(t *testing.T) {
	const rules = "../../staging/apirules"
	groups, _ := testGroups(t)
	for _, d := range definitions(groups) {
		names := d.Names()
		folder := packageOf(names.Kind.Group)
		written, used := functions(t, filepath.Join(rules, folder)), selectors(t, folder)
		k := names.Kind.Kind
		for _, f := range []string{
			"Normalize" + k, "Set" + k + "Defaults", "Validate" + k, "Validate" + k + "Update", "Validate" + k + "StatusUpdate", k + "Warnings",
		} {
			if written[f] && !used[f] {
				t.Errorf("rules.%s of staging/apirules/%s is not in the declaration of %s in pkg/api/%s", f, folder, names.Plural, folder)
			}
		}
	}
}

// packageOf returns the folder of an API group: the part of its name before the first dot.
func packageOf(group string) string {
	first, _, _ := strings.Cut(group, ".")
	if first == "" {
		return "core"
	}
	return first
}

// functions returns the exported functions of a package. A package that does not exist has none.
func functions(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	inspect(t, dir, func(n ast.Node) {
		if f, ok := n.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.IsExported() {
			out[f.Name.Name] = true
		}
	})
	return out
}

// selectors returns what a package uses of its rules, be it a function of the package of rules or a method of rules that a
// function gives.
func selectors(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	inspect(t, dir, func(n ast.Node) {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return
		}
		if _, given := s.X.(*ast.CallExpr); given || fmt.Sprint(s.X) == "rules" {
			out[s.Sel.Name] = true
		}
	})
	return out
}

func inspect(t *testing.T, dir string, visit func(ast.Node)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			visit(n)
			return true
		})
	}
}
