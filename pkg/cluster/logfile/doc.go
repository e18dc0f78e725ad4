// Package logfile keeps log files from growing without bound.
//
// In: lines, or the path of a file that another process appends to. Out: a file of at most a given size, and the one before
// it beside it, named with ".1". It reads no log and decides nothing about what is logged.
//
// Shown by logfile_test.go.
package logfile
