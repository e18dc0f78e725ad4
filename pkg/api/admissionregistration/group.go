package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group admissionregistration.k8s.io.
func Group() apidef.Group {
	return apidef.Group{
		Name:        admissionregistrationv1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{admissionregistrationv1.AddToScheme},
		Resources: []apidef.Definition{
			mutatingPolicy(),
			mutatingPolicyBinding(),
			mutatingWebhooks(),
			validatingPolicy(),
			validatingPolicyBinding(),
			validatingWebhooks(),
		},
	}
}
