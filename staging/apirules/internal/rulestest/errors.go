package rulestest

import (
	"fmt"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Want spells an expected error like "spec.replicas: FieldValueInvalid".
func Want(path string, t field.ErrorType) string { return path + ": " + string(t) }

// Shorthands for the types of errors.
func Invalid(path string) string      { return Want(path, field.ErrorTypeInvalid) }
func Required(path string) string     { return Want(path, field.ErrorTypeRequired) }
func NotSupported(path string) string { return Want(path, field.ErrorTypeNotSupported) }
func Forbidden(path string) string    { return Want(path, field.ErrorTypeForbidden) }
func Duplicate(path string) string    { return Want(path, field.ErrorTypeDuplicate) }
func NotFound(path string) string     { return Want(path, field.ErrorTypeNotFound) }
func TooLong(path string) string      { return Want(path, field.ErrorTypeTooLong) }
func TooMany(path string) string      { return Want(path, field.ErrorTypeTooMany) }

// Check compares errors, regardless of their order and number at one place, with the wanted ones.
func Check(t *testing.T, got field.ErrorList, want ...string) {
	t.Helper()
	seen := map[string]bool{}
	var have []string
	for _, e := range got {
		if s := Want(e.Field, e.Type); !seen[s] {
			seen[s] = true
			have = append(have, s)
		}
	}
	sort.Strings(have)
	sort.Strings(want)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("errors differ (-want +got):\n%s\nin full: %v", diff, got.ToAggregate())
	}
}

// Case is one mutation of a valid object and the errors that it brings about.
type Case[T any] struct {
	Name   string
	Change func(*T)
	Want   []string
}

// Cases runs cases against a function that makes valid objects.
func Cases[T any](t *testing.T, valid func() *T, validate func(*T) field.ErrorList, cases []Case[T]) {
	t.Helper()
	t.Run("valid", func(t *testing.T) { Check(t, validate(valid())) })
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			obj := valid()
			c.Change(obj)
			Check(t, validate(obj), c.Want...)
		})
	}
}

// UpdateCases runs mutations of a valid object as updates of it.
func UpdateCases[T any](t *testing.T, valid func() *T, update func(newObj, old *T) field.ErrorList, cases []Case[T]) {
	t.Helper()
	t.Run("unchanged", func(t *testing.T) { Check(t, update(valid(), valid())) })
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			obj := valid()
			c.Change(obj)
			Check(t, update(obj, valid()), c.Want...)
		})
	}
}

// Message fails unless one of the errors reads as wanted.
func Message(t *testing.T, errs field.ErrorList, want string) {
	t.Helper()
	for _, e := range errs {
		if e.Error() == want {
			return
		}
	}
	t.Errorf("no error reads %q:\n%s", want, fmt.Sprint(errs.ToAggregate()))
}
