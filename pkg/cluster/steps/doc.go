// Package steps starts named parts in the order of what they need, as much at the same time as that allows, keeps them
// running, and stops them in reverse.
//
// In: a list of steps, each with the names of those it comes after. Out: events, from which comes the timeline of a
// start, and one error with everything that went wrong. A step has started when its Start has returned; nothing is
// polled. Work that goes on is joined: Run returns when all of it has ended, but for a step that does not stop within its
// bound, which is left behind and told as an error. The package knows nothing of clusters.
//
// Shown by steps_test.go under a fake clock.
package steps
