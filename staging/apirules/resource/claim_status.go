package resource

import (
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidateResourceClaimStatusUpdate reports faults of a new status. An allocation comes and goes as a whole, and goes only
// when nobody uses it.
func ValidateResourceClaimStatusUpdate(newC, old *resourcev1.ResourceClaim) field.ErrorList {
	errs := meta.Update(&newC.ObjectMeta, &old.ObjectMeta)
	s, p := &newC.Status, field.NewPath("status")
	names := requestNames(newC.Spec.Devices.Requests)
	if s.Allocation != nil {
		if old.Status.Allocation == nil {
			errs = append(errs, allocation(s.Allocation, names, p.Child("allocation"))...)
		} else {
			errs = append(errs, meta.Immutable(s.Allocation, old.Status.Allocation, p.Child("allocation"))...)
		}
	}
	errs = append(errs, reservations(newC, old, p.Child("reservedFor"))...)
	errs = append(errs, deviceStatuses(newC, p.Child("devices"))...)
	return errs
}

func reservations(newC, old *resourcev1.ResourceClaim, p *field.Path) field.ErrorList {
	reserved := newC.Status.ReservedFor
	if len(reserved) == 0 {
		return nil
	}
	var errs field.ErrorList
	if newC.Status.Allocation == nil {
		errs = append(errs, field.Forbidden(p, "may not be specified when `allocated` is not set"))
	}
	errs = append(errs, atMost(len(reserved), resourcev1.ResourceClaimReservedForMaxSize, p)...)
	before := sets.New[resourcev1.ResourceClaimConsumerReference](old.Status.ReservedFor...)
	seen := sets.New[string]()
	for i, r := range reserved {
		at := p.Index(i)
		errs = append(errs, once(seen, string(r.UID), at.Child("uid"))...)
		errs = append(errs, meta.Required(r.Resource, at.Child("resource"))...)
		errs = append(errs, meta.Required(r.Name, at.Child("name"))...)
		errs = append(errs, meta.Required(string(r.UID), at.Child("uid"))...)
		if newC.DeletionTimestamp != nil && !before.Has(r) {
			errs = append(errs, field.Forbidden(at, "new reservations are not allowed for a claim that is being deleted"))
		}
	}
	return errs
}

func allocation(a *resourcev1.AllocationResult, names sets.Set[string], p *field.Path) field.ErrorList {
	results := p.Child("devices", "results")
	errs := atMost(len(a.Devices.Results), resourcev1.AllocationResultsMaxSize, results)
	for i := range a.Devices.Results {
		r, at := &a.Devices.Results[i], results.Index(i)
		if !names.Has(r.Request) {
			errs = append(errs, field.Invalid(at.Child("request"), r.Request, "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"))
		}
		errs = append(errs, driverName(r.Driver, at.Child("driver"))...)
		errs = append(errs, poolName(r.Pool, at.Child("pool"))...)
		errs = append(errs, meta.DNSLabel(r.Device, at.Child("device"))...)
	}
	config := p.Child("devices", "config")
	errs = append(errs, atMost(len(a.Devices.Config), 2*resourcev1.DeviceConfigMaxSize, config)...)
	for i := range a.Devices.Config {
		c, at := &a.Devices.Config[i], config.Index(i)
		errs = append(errs, meta.OneOf(c.Source, at.Child("source"), resourcev1.AllocationConfigSourceClaim, resourcev1.AllocationConfigSourceClass)...)
		errs = append(errs, references(c.Requests, names, at.Child("requests"))...)
		errs = append(errs, configuration(&c.DeviceConfiguration, at)...)
	}
	return errs
}

// deviceStatuses wants each status to be of a device that is allocated to the claim, and one at most of each.
func deviceStatuses(c *resourcev1.ResourceClaim, p *field.Path) field.ErrorList {
	allocated := sets.New[string]()
	if c.Status.Allocation != nil {
		for _, r := range c.Status.Allocation.Devices.Results {
			allocated.Insert(strings.Join([]string{r.Driver, r.Pool, r.Device, string(ptr.Deref(r.ShareID, ""))}, "\n"))
		}
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	for i := range c.Status.Devices {
		d, at := &c.Status.Devices[i], p.Index(i)
		errs = append(errs, driverName(d.Driver, at.Child("driver"))...)
		errs = append(errs, poolName(d.Pool, at.Child("pool"))...)
		errs = append(errs, meta.DNSLabel(d.Device, at.Child("device"))...)
		id := strings.Join([]string{d.Driver, d.Pool, d.Device, ptr.Deref(d.ShareID, "")}, "\n")
		errs = append(errs, once(seen, id, at)...)
		if !allocated.Has(id) {
			errs = append(errs, field.Invalid(at, d.Device, "must be an allocated device in the claim"))
		}
		errs = append(errs, atMost(len(d.Conditions), resourcev1.AllocatedDeviceStatusMaxConditions, at.Child("conditions"))...)
		errs = append(errs, metavalidation.ValidateConditions(d.Conditions, at.Child("conditions"))...)
		if d.Data != nil {
			errs = append(errs, rawObject(d.Data, false, at.Child("data"))...)
		}
		errs = append(errs, networkData(d.NetworkData, at.Child("networkData"))...)
	}
	return errs
}

func networkData(n *resourcev1.NetworkDeviceData, p *field.Path) field.ErrorList {
	if n == nil {
		return nil
	}
	var errs field.ErrorList
	if len(n.InterfaceName) > resourcev1.NetworkDeviceDataInterfaceNameMaxLength {
		errs = append(errs, field.TooLong(p.Child("interfaceName"), "", resourcev1.NetworkDeviceDataInterfaceNameMaxLength))
	}
	if len(n.HardwareAddress) > resourcev1.NetworkDeviceDataHardwareAddressMaxLength {
		errs = append(errs, field.TooLong(p.Child("hardwareAddress"), "", resourcev1.NetworkDeviceDataHardwareAddressMaxLength))
	}
	errs = append(errs, atMost(len(n.IPs), resourcev1.NetworkDeviceDataMaxIPs, p.Child("ips"))...)
	seen := sets.New[string]()
	for i, ip := range n.IPs {
		errs = append(errs, cidr(ip, p.Child("ips").Index(i))...)
		errs = append(errs, once(seen, ip, p.Child("ips").Index(i))...)
	}
	return errs
}
