// Package control lets other processes watch and stop a running cluster.
//
// It owns one unix socket. In: messages about what the cluster does. Out: to every follower the messages from the
// beginning and then each as it comes, one JSON object a line; the present status; and the wish that the cluster stop. It
// does not start or stop anything itself.
//
// Shown by control_test.go over a real socket.
package control
