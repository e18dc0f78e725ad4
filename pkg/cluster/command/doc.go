// Package command is the command line of `proa`.
//
// In: arguments. Out: a cluster that runs in the background, goes away again, shows how it is and what it has logged,
// takes images, and is reached with kubectl. `up` and `down` print a line for each step as it happens, told by the
// cluster. The package only talks to package cluster and to the control socket; it knows no part of Kubernetes but
// kubectl.
//
// Shown by command_test.go and its neighbours, which run this program as the server.
package command
