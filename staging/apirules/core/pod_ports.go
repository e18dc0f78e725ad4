package core

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

var protocols = []v1.Protocol{v1.ProtocolSCTP, v1.ProtocolTCP, v1.ProtocolUDP}

func (r *podRules) ports(ports []v1.ContainerPort, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[string]()
	for i := range ports {
		port, pp := &ports[i], p.Index(i)
		if port.Name != "" {
			errs = append(errs, meta.Invalid(port.Name, pp.Child("name"), validation.IsValidPortName(port.Name))...)
			if names.Has(port.Name) {
				errs = append(errs, duplicateName(pp, port.Name))
			}
			names.Insert(port.Name)
		}
		errs = append(errs, r.portNumbers(port, pp)...)
		errs = append(errs, meta.OneOf(port.Protocol, pp.Child("protocol"), protocols...)...)
		if port.HostIP != "" {
			errs = append(errs, r.legacyIP(port.HostIP, pp.Child("hostIP"))...)
		}
	}
	return errs
}

func (r *podRules) portNumbers(port *v1.ContainerPort, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if port.ContainerPort == 0 {
		errs = append(errs, field.Required(p.Child("containerPort"), ""))
	} else {
		errs = append(errs, meta.Invalid(port.ContainerPort, p.Child("containerPort"), validation.IsValidPortNum(int(port.ContainerPort)))...)
	}
	if port.HostPort != 0 {
		errs = append(errs, meta.Invalid(port.HostPort, p.Child("hostPort"), validation.IsValidPortNum(int(port.HostPort)))...)
	}
	// Templates leave the host port to the pod's defaults.
	if r.spec.HostNetwork && port.HostPort != port.ContainerPort && (r.pod || port.HostPort != 0) {
		errs = append(errs, field.Invalid(p.Child("containerPort"), port.ContainerPort, "must match `hostPort` when `hostNetwork` is true"))
	}
	return errs
}

// legacyIP rules an address in a field that is older than the strict rules for addresses.
func (r *podRules) legacyIP(ip string, p *field.Path) field.ErrorList {
	return validation.IsValidIPForLegacyField(p, ip, true, sets.List(r.tolerance.ips))
}

// hostPortConflicts reports host ports that are wanted twice. Init containers are looked at one by one, since they do
// not run side by side.
func (r *podRules) hostPortConflicts(p *field.Path) field.ErrorList {
	var errs field.ErrorList
	taken := sets.New[string]()
	for i := range r.spec.Containers {
		errs = append(errs, conflicts(r.spec.Containers[i].Ports, taken, p.Child("containers").Index(i).Child("ports"))...)
	}
	for i := range r.spec.InitContainers {
		errs = append(errs, conflicts(r.spec.InitContainers[i].Ports, sets.New[string](), p.Child("initContainers").Index(i).Child("ports"))...)
	}
	return errs
}

func conflicts(ports []v1.ContainerPort, taken sets.Set[string], p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, port := range ports {
		if port.HostPort == 0 {
			continue
		}
		key := fmt.Sprintf("%s/%s/%d", port.Protocol, port.HostIP, port.HostPort)
		if taken.Has(key) {
			errs = append(errs, field.Duplicate(p.Index(i).Child("hostPort"), key))
		}
		taken.Insert(key)
	}
	return errs
}
