package networking

import (
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group networking.k8s.io.
func Group() apidef.Group {
	return apidef.Group{
		Name:        networkingv1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{networkingv1.AddToScheme},
		Resources: []apidef.Definition{
			ingressClass(),
			ingress(),
			ipAddress(),
			networkPolicy(),
			serviceCIDR(),
		},
	}
}
