// Package service is a process made of steps that can be watched, asked and stopped over a socket.
//
// In: a list of steps. Out: their life (package steps), told to the timeline and to whoever follows the control socket
// (package control); how each part is, by checks that the steps register; what the goroutines do when a step does not stop.
// Both the server of a cluster and the agent of a further node are such a process. The package knows nothing of Kubernetes.
//
// Shown by health_test.go, and by the tests of package command, which start, stop and kill one.
package service
