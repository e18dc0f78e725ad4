package columns

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/staging/apidef"
)

// What tables show in place of a value that is empty, that was left out, or that nobody knows.
const (
	None    = "<none>"
	Unset   = "<unset>"
	Unknown = "<unknown>"
)

// Or returns s, or other if s is empty.
func Or[S ~string](s S, other string) string {
	if s == "" {
		return other
	}
	return string(s)
}

// Deref returns what p points to, or other if p is nil.
func Deref[S ~string](p *S, other string) string {
	if p == nil {
		return other
	}
	return string(*p)
}

// Bool shows a boolean that may be left out.
func Bool(b *bool) string {
	switch {
	case b == nil:
		return Unset
	case *b:
		return "True"
	}
	return "False"
}

// shown is the number of list items that fit into a cell.
const shown = 3

// Some joins the first items of a list and says how many of count items are missing.
func Some(items []string, count int) string {
	if len(items) > shown {
		items = items[:shown]
	}
	if count <= shown {
		return strings.Join(items, ",")
	}
	return fmt.Sprintf("%s + %d more...", strings.Join(items, ","), count-shown)
}

// Plain are the columns of kinds that have none of their own.
func Plain[P metav1.Object]() []apidef.Column[P] {
	return []apidef.Column[P]{
		apidef.Name[P](),
		{Name: "Created At", Type: "date", Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"],
			Value: func(p P) any { return p.GetCreationTimestamp().UTC().Format(time.RFC3339) }},
	}
}

// Int shows a count that defaults fill in.
func Int(n *int32) int64 {
	if n == nil {
		return 0
	}
	return int64(*n)
}
