package apidef

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
)

// A Column of the table that "kubectl get" shows.
type Column[P any] struct {
	Name        string
	Type        string // OpenAPI type: string, integer, number, boolean, date; string if empty
	Format      string // OpenAPI format; "name" marks the column with the object's name
	Description string
	Wide        bool // shown by "-o wide" only
	Value       func(P) any
}

// Name is the column with the object's name.
func Name[P metav1.Object]() Column[P] {
	return Column[P]{Name: "Name", Format: "name", Description: metav1.ObjectMeta{}.SwaggerDoc()["name"],
		Value: func(p P) any { return p.GetName() }}
}

// Age is the column with the time since the object was created.
func Age[P metav1.Object]() Column[P] {
	return Column[P]{Name: "Age", Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"],
		Value: func(p P) any { return Since(p.GetCreationTimestamp()) }}
}

// Since returns the time that has passed since t in the short form of tables, such as 5m12s.
func Since(t metav1.Time) string {
	if t.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(time.Since(t.Time))
}

type table[T any, P Object[T]] struct{ r *Resource[T, P] }

// ConvertToTable makes a table of one object or a list of them.
func (t table[T, P]) ConvertToTable(_ context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	out := &metav1.Table{}
	if o, ok := options.(*metav1.TableOptions); !ok || !o.NoHeaders {
		out.ColumnDefinitions = t.header()
	}
	if l, err := meta.ListAccessor(obj); err == nil {
		out.ResourceVersion, out.Continue, out.RemainingItemCount = l.GetResourceVersion(), l.GetContinue(), l.GetRemainingItemCount()
		err := meta.EachListItem(obj, func(o runtime.Object) error { return t.addRow(out, o) })
		return out, err
	}
	if m, err := meta.CommonAccessor(obj); err == nil {
		out.ResourceVersion = m.GetResourceVersion()
	}
	return out, t.addRow(out, obj)
}

func (t table[T, P]) header() []metav1.TableColumnDefinition {
	columns := make([]metav1.TableColumnDefinition, 0, len(t.r.Columns))
	for _, c := range t.r.Columns {
		d := metav1.TableColumnDefinition{Name: c.Name, Type: c.Type, Format: c.Format, Description: c.Description}
		if d.Type == "" {
			d.Type = "string"
		}
		if c.Wide {
			d.Priority = 1
		}
		columns = append(columns, d)
	}
	return columns
}

func (t table[T, P]) addRow(out *metav1.Table, obj runtime.Object) error {
	p, ok := obj.(P)
	if !ok {
		return fmt.Errorf("make table of %s: got a %T", t.r.Kind.Kind, obj)
	}
	row := metav1.TableRow{Cells: make([]any, 0, len(t.r.Columns)), Object: runtime.RawExtension{Object: obj}}
	if t.r.RowConditions != nil {
		row.Conditions = t.r.RowConditions(p)
	}
	for _, c := range t.r.Columns {
		row.Cells = append(row.Cells, c.Value(p))
	}
	out.Rows = append(out.Rows, row)
	return nil
}
