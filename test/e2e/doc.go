// Package e2e does what users do, with stock kubectl on a real cluster that `proa up` started: etcd, containerd, nftables
// and images of real programs. Each example in manifests/examples is a test. It imports nothing of the product.
//
// TestMain starts a cluster in a data directory of its own, loads the images of bin/images and takes everything down
// afterwards. PROA_E2E_KEEP=1 leaves the cluster; `make e2e RUN=TestFlask` runs one test.
package e2e
