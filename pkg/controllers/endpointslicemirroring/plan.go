package endpointslicemirroring

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	netutils "k8s.io/utils/net"
)

const (
	// managedBy marks the slices of this controller.
	managedBy = "endpointslicemirroring-controller.k8s.io"
	// mostPerSubset is how many addresses of a subset are mirrored.
	mostPerSubset = 1000
)

// outcome is what a plan asks for, in this order.
type outcome struct{ create, update, remove []*discovery.EndpointSlice }

// mirrored says whether Endpoints of a service (nil when there is none) are copied.
func mirrored(endpoints *v1.Endpoints, service *v1.Service) bool {
	if endpoints == nil || service == nil || service.Spec.Selector != nil || endpoints.DeletionTimestamp != nil {
		return false
	}
	if endpoints.Labels[discovery.LabelSkipMirror] == "true" {
		return false
	}
	_, lock := endpoints.Annotations[resourcelock.LeaderElectionRecordAnnotationKey]
	return !lock
}

// plan makes existing slices show endpoints; nil endpoints ask for none.
func plan(endpoints *v1.Endpoints, existing []*discovery.EndpointSlice) outcome {
	var out outcome
	var wanted []*discovery.EndpointSlice
	if endpoints != nil {
		wanted = slicesOf(endpoints)
	}
	unused := slices.SortedFunc(slices.Values(existing), func(a, b *discovery.EndpointSlice) int { return strings.Compare(a.Name, b.Name) })
	for _, want := range wanted {
		at := slices.IndexFunc(unused, func(s *discovery.EndpointSlice) bool {
			return s.AddressType == want.AddressType && equality.Semantic.DeepEqual(s.Ports, want.Ports)
		})
		if at < 0 {
			out.create = append(out.create, want)
			continue
		}
		current := unused[at]
		unused = slices.Delete(unused, at, at+1)
		next := current.DeepCopy()
		next.Endpoints, next.Labels, next.Annotations = want.Endpoints, want.Labels, want.Annotations
		if !equality.Semantic.DeepEqual(current, next) {
			out.update = append(out.update, next)
		}
	}
	out.remove = unused
	return out
}

// slicesOf makes one slice for each subset and address family.
func slicesOf(endpoints *v1.Endpoints) []*discovery.EndpointSlice {
	var all []*discovery.EndpointSlice
	for _, subset := range endpoints.Subsets {
		byFamily := map[discovery.AddressType][]discovery.Endpoint{}
		room := mostPerSubset
		add := func(addresses []v1.EndpointAddress, ready bool) {
			for i := range addresses[:min(len(addresses), room)] {
				family := discovery.AddressTypeIPv4
				if netutils.IsIPv6String(addresses[i].IP) {
					family = discovery.AddressTypeIPv6
				}
				byFamily[family] = append(byFamily[family], endpointOf(&addresses[i], ready))
			}
			room -= min(len(addresses), room)
		}
		add(subset.Addresses, true)
		add(subset.NotReadyAddresses, false)
		for _, family := range slices.Sorted(maps.Keys(byFamily)) {
			all = append(all, newSlice(endpoints, family, byFamily[family], portsOf(subset.Ports)))
		}
	}
	return all
}

func endpointOf(address *v1.EndpointAddress, ready bool) discovery.Endpoint {
	endpoint := discovery.Endpoint{
		Addresses: []string{address.IP}, Conditions: discovery.EndpointConditions{Ready: &ready},
		TargetRef: address.TargetRef.DeepCopy(), NodeName: address.NodeName,
	}
	if address.Hostname != "" {
		hostname := address.Hostname
		endpoint.Hostname = &hostname
	}
	return endpoint
}

func portsOf(ports []v1.EndpointPort) []discovery.EndpointPort {
	var all []discovery.EndpointPort
	for i := range ports {
		port := &ports[i]
		name, number, protocol := port.Name, port.Port, port.Protocol
		all = append(all, discovery.EndpointPort{Name: &name, Port: &number, Protocol: &protocol, AppProtocol: port.AppProtocol})
	}
	slices.SortFunc(all, func(a, b discovery.EndpointPort) int {
		return cmp.Or(strings.Compare(*a.Name, *b.Name), cmp.Compare(*a.Port, *b.Port), strings.Compare(fmt.Sprint(*a.Protocol), fmt.Sprint(*b.Protocol)))
	})
	return all
}

// newSlice makes a slice with the labels and annotations of its Endpoints, whose garbage it is when they go.
func newSlice(endpoints *v1.Endpoints, family discovery.AddressType, all []discovery.Endpoint, ports []discovery.EndpointPort) *discovery.EndpointSlice {
	slice := &discovery.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: endpoints.Namespace, GenerateName: endpoints.Name + "-",
			Labels: maps.Clone(endpoints.Labels), Annotations: maps.Clone(endpoints.Annotations),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(endpoints, v1.SchemeGroupVersion.WithKind("Endpoints"))},
		},
		AddressType: family, Endpoints: all, Ports: ports,
	}
	if slice.Labels == nil {
		slice.Labels = map[string]string{}
	}
	slice.Labels[discovery.LabelServiceName] = endpoints.Name
	slice.Labels[discovery.LabelManagedBy] = managedBy
	delete(slice.Annotations, v1.LastAppliedConfigAnnotation)
	delete(slice.Annotations, v1.EndpointsLastChangeTriggerTime)
	if len(slice.Annotations) == 0 {
		slice.Annotations = nil
	}
	return slice
}
