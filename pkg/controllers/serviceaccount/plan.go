package serviceaccount

import v1 "k8s.io/api/core/v1"

// names are the accounts that each namespace has.
func names() []string { return []string{"default"} }

// outcome is what a plan asks for.
type outcome struct {
	// create are names of accounts.
	create []string
}

// plan decides which accounts are missing in a namespace, given whether an account of a name is there.
func plan(namespace *v1.Namespace, exists func(name string) bool) outcome {
	var out outcome
	if namespace.Status.Phase == v1.NamespaceTerminating || namespace.DeletionTimestamp != nil {
		return out
	}
	for _, name := range names() {
		if !exists(name) {
			out.create = append(out.create, name)
		}
	}
	return out
}
