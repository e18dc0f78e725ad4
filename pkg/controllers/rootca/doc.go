// Package rootca publishes the cluster's certificate authority in each namespace, as ConfigMap kube-root-ca.crt, so that
// pods can verify the API server.
//
// It owns that ConfigMap's data. In come namespaces and config maps; out go config maps. controller_test.go shows it.
package rootca
