// Package integration tests the control plane with a real etcd and API server in the process (test/cluster).
//
// TestStorm stores filled and odd objects of every kind that is served while all controllers and the scheduler run, over a
// restart. Flags -storm.seed and -storm.rounds make it another or a longer one, -storm.long, as make storm has it, gives it a
// further life between.
package integration
