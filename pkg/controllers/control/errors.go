package control

import (
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// IsNamespaceEnding says whether err is the server's refusal to create something in a namespace that is being deleted.
func IsNamespaceEnding(err error) bool {
	return apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause)
}
