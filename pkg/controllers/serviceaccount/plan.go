package serviceaccount

import v1 "k8s.io/api/core/v1"

// names are the accounts that each namespace has.
func names() []string { return []string{"default"} }

// plan returns the accounts to create in a namespace, given whether an account of a name is there.
func plan(namespace *v1.Namespace, exists func(name string) bool) []string {
	if namespace.Status.Phase == v1.NamespaceTerminating || namespace.DeletionTimestamp != nil {
		return nil
	}
	var missing []string
	for _, name := range names() {
		if !exists(name) {
			missing = append(missing, name)
		}
	}
	return missing
}
