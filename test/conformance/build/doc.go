// Package build makes the programs that a conformance run needs from the module in ../upstream, with the version of that
// module stamped in: some specs read it.
//
// In: the directory of the module, a directory for the programs. Out: static programs; what is up to date is left
// alone. It knows nothing of images or clusters. Shown by build_test.go, and by a run.
package build
