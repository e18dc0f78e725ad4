package killpoint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPoints: each point of the list has just one call site, and each constant is in the list.
func TestPoints(t *testing.T) {
	declared := constants(t)
	uses := map[string]int{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			inside := filepath.Base(filepath.Dir(path)) == "killpoint"
			if calls(call.Fun, "Here", inside) {
				uses[nameOf(call.Args[0])]++
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	for name := range declared {
		want[name] = 1
	}
	if diff := cmp.Diff(want, uses); diff != "" {
		t.Errorf("call sites of points (-declared +found):\n%s", diff)
	}
	listed := map[Name]int{}
	for _, name := range All() {
		listed[name]++
	}
	for constant, value := range declared {
		if listed[Name(value)] != 1 {
			t.Errorf("%s (%q) is %d times in All", constant, value, listed[Name(value)])
		}
	}
	if len(listed) != len(declared) {
		t.Errorf("All lists %d points, %d are declared", len(listed), len(declared))
	}
}

// constants are the values of the points by the names of their constants.
func constants(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "points.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, decl := range file.Decls {
		block, ok := decl.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST {
			continue
		}
		for _, spec := range block.Specs {
			one := spec.(*ast.ValueSpec)
			found[one.Names[0].Name] = strings.Trim(one.Values[0].(*ast.BasicLit).Value, `"`)
		}
	}
	return found
}

// calls says whether an expression is that function of this package; within it no package is named.
func calls(fun ast.Expr, name string, inside bool) bool {
	switch f := fun.(type) {
	case *ast.Ident:
		return inside && f.Name == name
	case *ast.SelectorExpr:
		x, ok := f.X.(*ast.Ident)
		return ok && x.Name == "killpoint" && f.Sel.Name == name
	}
	return false
}

func nameOf(arg ast.Expr) string {
	switch a := arg.(type) {
	case *ast.Ident:
		return a.Name
	case *ast.SelectorExpr:
		return a.Sel.Name
	}
	return "an expression"
}
