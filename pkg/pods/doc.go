// Package pods answers pure questions about pods.
//
// In come v1.Pod values, which it never changes; out come plain answers (which containers there are, what follows an exit,
// which class of service). It keeps nothing, calls nothing and imports nothing of ours, so that every part may use it.
// The tests beside each file show what is answered.
package pods
