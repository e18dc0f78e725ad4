// Package command is the command line: build, run, report and compare. It puts the other packages together, and decides
// when the cluster starts and ends. Shown by a run.
package command
