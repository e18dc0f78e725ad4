package resource

import (
	"slices"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/resource"
)

func resourceClaim() apidef.Definition {
	type object = *resourcev1.ResourceClaim
	return (&apidef.Resource[resourcev1.ResourceClaim, object]{
		Names: apidef.Names{
			Kind:     resourcev1.SchemeGroupVersion.WithKind("ResourceClaim"),
			Plural:   "resourceclaims",
			Singular: "resourceclaim",
		},
		NewList:        func() runtime.Object { return &resourcev1.ResourceClaimList{} },
		Default:        rules.SetResourceClaimDefaults,
		Validate:       rules.ValidateResourceClaim,
		ValidateUpdate: rules.ValidateResourceClaimUpdate,
		ValidateStatus: rules.ValidateResourceClaimStatusUpdate,
		ReturnDeleted:  true,
		Spec:           apidef.Field(func(c object) *resourcev1.ResourceClaimSpec { return &c.Spec }),
		Uncounted:      true,
		Status:         apidef.Field(func(c object) *resourcev1.ResourceClaimStatus { return &c.Status }),
		StatusKeeps:    "metadata",
		PrepareStatus:  prepareClaimStatus,
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "State", Description: "A summary of the current state (allocated, pending, reserved, etc.).",
				Value: func(c object) any { return stateCell(c) }},
			apidef.Age[object](),
		},
	}).Define()
}

// prepareClaimStatus drops the status of devices that are no longer allocated to the claim, which drivers cannot do once
// another component has taken the allocation back (KEP-4817).
func prepareClaimStatus(new, old *resourcev1.ResourceClaim) {
	before, now := allocated(old), allocated(new)
	new.Status.Devices = slices.DeleteFunc(new.Status.Devices, func(d resourcev1.AllocatedDeviceStatus) bool {
		key := device{d.Driver, d.Pool, d.Device}
		return before[key] && !now[key]
	})
	if len(new.Status.Devices) == 0 {
		new.Status.Devices = nil
	}
}

// A device is named by its driver and the pool it is in.
type device struct{ driver, pool, name string }

func allocated(c *resourcev1.ResourceClaim) map[device]bool {
	out := map[device]bool{}
	if c.Status.Allocation == nil {
		return out
	}
	for _, r := range c.Status.Allocation.Devices.Results {
		out[device{r.Driver, r.Pool, r.Device}] = true
	}
	return out
}

func stateCell(c *resourcev1.ResourceClaim) string {
	var states []string
	if c.DeletionTimestamp != nil {
		states = append(states, "deleted")
	}
	switch {
	case c.Status.Allocation != nil && len(c.Status.ReservedFor) > 0:
		states = append(states, "allocated", "reserved")
	case c.Status.Allocation != nil:
		states = append(states, "allocated")
	case c.DeletionTimestamp == nil:
		states = append(states, "pending")
	}
	return strings.Join(states, ",")
}
