// Package etcd runs one etcd member inside the process.
//
// It owns the member's directory and its unix socket. In: a directory, a socket path, a logger. Out: an endpoint for
// the API server's storage (unix://...), and a client that calls the member without any socket. Every write is synced
// to disk before it is acknowledged. It never opens a network port, never compacts (the API server does) and never
// writes while nothing is written to it.
//
// Shown by etcd_test.go: real members are started, killed, restarted and given bad directories and sockets.
package etcd
