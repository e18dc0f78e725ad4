// Package integration tests the control plane with a real etcd and API server in the process (test/cluster).
package integration
