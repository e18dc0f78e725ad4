package coordination

import (
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/coordination"
)

func lease() apidef.Definition {
	type object = *coordinationv1.Lease
	return (&apidef.Resource[coordinationv1.Lease, object]{
		Names: apidef.Names{
			Kind:     coordinationv1.SchemeGroupVersion.WithKind("Lease"),
			Plural:   "leases",
			Singular: "lease",
		},
		NewList:           func() runtime.Object { return &coordinationv1.LeaseList{} },
		Validate:          rules.ValidateLease,
		ValidateUpdate:    rules.ValidateLeaseUpdate,
		CreateOnUpdate:    true,
		ConditionalUpdate: true,
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Holder", Description: coordinationv1.LeaseSpec{}.SwaggerDoc()["holderIdentity"],
				Value: func(l object) any { return columns.Deref(l.Spec.HolderIdentity, "") }},
			apidef.Age[object](),
		},
	}).Define()
}
