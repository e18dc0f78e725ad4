// Package csr approves, signs and cleans up certificate signing requests.
//
// It owns the signers kubernetes.io/kube-apiserver-client, kubernetes.io/kube-apiserver-client-kubelet,
// kubernetes.io/kubelet-serving and kubernetes.io/legacy-unknown. NewApprover approves what nodes may ask for themselves
// (client certificates of kubelets, when the authorizer agrees), NewSigner signs what has been approved, and NewCleaner
// deletes what nobody needs any more. In come requests; out go approvals, certificates and deletions. Serving
// certificates of kubelets are signed but never approved here: that is an administrator's decision.
//
// plan.go has a plan for each of the three, what a signer accepts is in rules.go; their tests show both, sign_test.go
// certificates, controller_test.go the controllers.
package csr
