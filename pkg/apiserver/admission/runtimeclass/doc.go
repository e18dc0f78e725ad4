// Package runtimeclass is the admission plugin RuntimeClass: a pod that names a class gets its overhead (KEP-688) and the
// node selector and tolerations of its nodes; the class must exist. TestAdmit shows it.
package runtimeclass
