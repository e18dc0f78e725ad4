// Package meta owns the rules that all kinds share: object metadata, names, label selectors, enumerations, ranges and
// references. It is a thin layer on k8s.io/apimachinery's validation that fixes the argument order (value, path) and
// the words of the errors.
//
// In: values and field paths. Out: field.ErrorList. It never changes a value and knows no kind. rules_test.go shows it.
package meta
