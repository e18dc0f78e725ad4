// Package report reads what runs of the suite left behind and says it: the table per SIG, the failures, the specs that
// are slowest against another run, and the README's last result.
//
// In: directories of results. Out: text. It runs nothing. Shown by report_test.go.
package report
