package policy

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group policy.
func Group() apidef.Group {
	return apidef.Group{
		Name:        policyv1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{policyv1.AddToScheme},
		Resources: []apidef.Definition{
			podDisruptionBudget(),
		},
	}
}
