// Package conformance is the map of what runs the official Kubernetes conformance suite against a cluster of ours, on one
// machine without Docker and without a registry.
//
//	upstream/  a module that pins Kubernetes' own sources, and with them every library that they were published with
//	build/     builds the suite, ginkgo, the programs of test images and upstream's components from that module
//	images/    the test images under the names that the suite uses, as one archive
//	registry/  serves images from this machine for what is really pulled
//	cluster/   starts and ends the cluster by the command proa
//	suite/     the specs: which to run, and running them with ginkgo
//	report/    results: JUnit files, the table per SIG, comparison with other runs, the README
//	cmd/conformance/  the command behind `make conformance`
//
// Only upstream/ requires k8s.io/kubernetes. It is a module of its own, without a package of ours, so that neither its
// libraries nor ours change the versions of the other.
package conformance
