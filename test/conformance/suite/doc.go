// Package suite knows the specs of the conformance suite: which there are, which to run, and running them with ginkgo.
//
// In: the built suite, a selection. Out: a directory with ginkgo's output and a JUnit file, and a line for each spec as
// it ends. What is not marked [Serial] runs in several processes, the rest after it in one. Each part is bounded in time.
// Reading the results is package report's. Shown by suite_test.go.
package suite
