// Package cluster gives a Go test a real control plane in its own process: embedded etcd, with fsync, and the API server
// on a free port of the loopback interface; when asked for, all controllers and the scheduler. Everything ends with the test.
package cluster
