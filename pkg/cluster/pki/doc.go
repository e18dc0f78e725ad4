// Package pki makes and keeps the keys and certificates of a cluster and the kubeconfigs made of them.
//
// It owns one directory, and one for each further node; the names in it are the customary ones (ca.crt, apiserver.key,
// sa.pub ...). In: the names and addresses of the API server and of the nodes. Out: a Set of paths, of which every certificate is valid for at least
// RenewBefore, also while a cluster runs for years (renew.go); what is missing, near its end, issued by another authority or for other names is made anew, and the rest
// is left untouched. Private keys are ECDSA P-256 and never leave the directory, but for the admin's, which also goes
// into kubeconfigs. The package also merges one cluster into a user's kubeconfig and takes it out again.
//
// Shown by pki_test.go (chains, renewal, names), renew_test.go (nothing ends) and kubeconfig_test.go (nothing else in a file is touched).
package pki
