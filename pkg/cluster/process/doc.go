// Package process names, finds and ends operating system processes without ever hitting another's.
//
// A process is known by its number together with its start time, for numbers are used again. Processes are found by a
// mark, an environment variable given to them at their start, which their children inherit: so a process can be
// written down before it exists and found after a crash of whoever started it. Ending one waits for the kernel's own
// notice (pidfd), not in a loop. The package keeps nothing and starts nothing.
//
// Shown by process_test.go, with real processes.
package process
