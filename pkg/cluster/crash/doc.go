// Package crash remembers how the lives of a process ended that were not asked to end, and which part of it did it.
//
// In: what the Go runtime writes when a program falls (Watch has it written to a file too), what the keeper saw (package keeper),
// and the error of a part that could not go on (Note). Out: Records, kept in a file over the lives; and which parts have brought
// the process down so often in a row that it should start without them (LeftOut). A part is known by the packages of its code, and
// one of many by the label of its goroutines.
//
// Shown by crash_test.go, with real panics.
package crash
