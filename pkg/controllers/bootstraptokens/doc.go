// Package bootstraptokens serves the tokens with which machines join a cluster: it signs the ConfigMap cluster-info with
// them, and deletes them when they have expired.
//
// It owns the signatures (jws-kubeconfig-<id>) in ConfigMap kube-public/cluster-info, by which a machine that has nothing but a
// token knows that it talks to the right cluster. In come Secrets of type bootstrap.kubernetes.io/token in namespace
// kube-system and that ConfigMap; out go updates of it and deletions of Secrets. It never makes a token or the ConfigMap:
// installers do. Like upstream's, both controllers run only where they are asked for by name.
//
// plan_test.go shows who signs and who goes, controller_test.go both controllers.
package bootstraptokens
