// Package registry has what the API server serves besides stored objects and their views: actions and questions.
//
// Each file is one of them: bindings, evictions, tokens, reviews of access, connections to kubelets (exec, attach,
// port-forward, log, proxy), and the particular storage of namespaces, services, roles and claims of devices. [AddActions]
// puts them all in their places; its list is what there is.
//
// TestActions and TestServices in test/integration show them against a real etcd, TestDoubts what becomes of a Service's
// address when storage does not answer.
package registry
