// Package identity gives a lone kubelet its client certificate: it asks the cluster for the first one with a bootstrap
// kubeconfig, and has it renewed before it expires (CertificateSigningRequests of the signer
// kubernetes.io/kube-apiserver-client-kubelet).
//
// It owns the files kubelet-client-*.pem in the certificate directory and, if it does not exist, the kubeconfig file. In come
// the paths and the node's name; out go a connection whose certificate changes under it, and a [Rotation] to run. It never
// approves anything. TestRequest and TestRotation show it on a fake API, TestBinaries of test/e2e/binaries on a real one.
package identity
