// Package footprint keeps the memory of this process small while it has little to do.
//
// In: figures of the Go runtime, every half a minute. Out: memory given back to the machine: garbage, what the heap keeps
// for allocations to come, and the pages of the program that only the start needed. While the process is busy nothing is
// done, so the collector keeps the room that makes it fast. It touches only what belongs to the process as a whole.
//
// Shown by footprint_test.go: the decisions by a table, the rest on the test's own process.
package footprint
