// Package program keeps a program running that belongs to a cluster.
//
// In: a path, arguments, a mark, a log file, and how to find out that the program serves. Out: one process, which is started
// again when it dies, and ends with the context. One that was left behind by a killed process of ours is taken over, if
// it is the same and can be asked whether it serves, or ended first. A
// program that has never served is an error with the end of its log. Its log is put aside when it grows large.
//
// Shown by program_test.go with real processes, and by the tests of package containerd.
package program
