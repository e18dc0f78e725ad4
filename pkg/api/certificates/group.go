package certificates

import (
	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group certificates.k8s.io.
func Group() apidef.Group {
	return apidef.Group{
		Name:        certificatesv1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{certificatesv1.AddToScheme},
		Resources: []apidef.Definition{
			certificateSigningRequest(),
		},
	}
}
