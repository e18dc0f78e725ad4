package api

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/proa-sh/proa/staging/apidef"
)

var update = flag.Bool("update", false, "write what is found to the golden files")

// TestColumns compares the columns of every kind with those of a v1.36 server: name, type, format and priority.
func TestColumns(t *testing.T) {
	want := readJSON[map[string][][]any](t, "testdata/columns.json")
	for _, k := range []string{"v1/componentstatuses", "apiextensions.k8s.io/v1/customresourcedefinitions", "apiregistration.k8s.io/v1/apiservices"} {
		delete(want, k) // declared elsewhere
	}
	got := map[string][][]any{}
	groups, scheme := testGroups(t)
	for _, d := range definitions(groups) {
		for _, kind := range versions(d) {
			obj, err := scheme.New(d.Names().Kind)
			if err != nil {
				t.Fatal(err)
			}
			table := tableOf(t, d, obj)
			var columns [][]any
			for _, c := range table.ColumnDefinitions {
				columns = append(columns, []any{c.Name, c.Type, c.Format, float64(c.Priority)})
				if c.Description == "" {
					t.Errorf("column %s of %s has no description", c.Name, d.Names().Plural)
				}
			}
			got[kind.GroupVersion().String()+"/"+d.Names().Plural] = columns
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("columns differ from those of a v1.36 server (-want +got):\n%s", diff)
	}
}

// TestCells shows the tables of the objects in testdata/objects.yaml. The time is the year 2000's first second.
func TestCells(t *testing.T) {
	groups, scheme := testGroups(t)
	objects := readObjects(t, scheme)
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		for _, d := range definitions(groups) {
			if len(objects[d.Names().Kind]) == 0 {
				t.Errorf("testdata/objects.yaml has no %s", d.Names().Kind.Kind)
			}
			fmt.Fprintf(&out, "# %s\n", d.Names().Resource())
			for i, obj := range objects[d.Names().Kind] {
				print(&out, tableOf(t, d, obj), i == 0)
			}
		}
	})
	const golden = "testdata/tables.golden"
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(out.String(), "\n")); diff != "" {
		t.Errorf("tables changed (-want +got); go test ./pkg/api -update writes the new ones:\n%s", diff)
	}
}

// TestOddCells checks that no object, however odd, can crash a table.
func TestOddCells(t *testing.T) {
	groups, scheme := testGroups(t)
	fill := newFiller(scheme)
	for _, d := range definitions(groups) {
		for range rounds {
			obj := fill(t, scheme, d.Names().Kind)
			table := tableOf(t, d, obj)
			if len(table.Rows) != 1 || len(table.Rows[0].Cells) != len(table.ColumnDefinitions) {
				t.Errorf("%s: %d rows for one object", d.Names().Plural, len(table.Rows))
			}
		}
	}
}

func tableOf(t *testing.T, d apidef.Definition, obj runtime.Object) *metav1.Table {
	t.Helper()
	table, err := d.Table().ConvertToTable(context.Background(), obj, &metav1.TableOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// print shows cells between bars, with the name of their type where that is not string.
func print(out *bytes.Buffer, table *metav1.Table, header bool) {
	if header {
		var names []string
		for _, c := range table.ColumnDefinitions {
			names = append(names, c.Name)
		}
		fmt.Fprintf(out, "%s\n", strings.Join(names, " | "))
	}
	for _, row := range table.Rows {
		var cells []string
		for _, c := range row.Cells {
			if s, ok := c.(string); ok {
				cells = append(cells, s)
			} else {
				cells = append(cells, fmt.Sprintf("%T(%v)", c, c))
			}
		}
		fmt.Fprintf(out, "%s\n", strings.Join(cells, " | "))
		for _, c := range row.Conditions {
			fmt.Fprintf(out, "  %s=%s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
		}
	}
}

// readObjects decodes the documents of testdata/objects.yaml as the server would. Objects without a creation time are a
// day old.
func readObjects(t *testing.T, scheme *runtime.Scheme) map[schema.GroupVersionKind][]runtime.Object {
	t.Helper()
	data, err := os.ReadFile("testdata/objects.yaml")
	if err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	out := map[schema.GroupVersionKind][]runtime.Object{}
	for doc := range strings.SplitSeq(string(data), "\n---\n") {
		obj, kind, err := decoder.Decode([]byte(doc), nil, nil)
		if err != nil {
			t.Fatalf("decode object for tables: %v\n%s", err, doc)
		}
		m, err := meta.Accessor(obj)
		if err != nil {
			t.Fatal(err)
		}
		if created := m.GetCreationTimestamp(); created.IsZero() {
			m.SetCreationTimestamp(metav1.Date(1999, time.December, 31, 0, 0, 0, 0, time.UTC))
		}
		scheme.Default(obj)
		out[*kind] = append(out[*kind], obj)
	}
	return out
}
