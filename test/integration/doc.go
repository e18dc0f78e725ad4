// Package integration tests the control plane with a real etcd and API server in the process (test/cluster).
//
// TestStorm stores filled and odd objects of every kind that is served while all controllers and the scheduler run, over a
// restart; flags -storm.seed and -storm.rounds make it another or a longer one. It is a target of
// its own, make storm.
package integration
