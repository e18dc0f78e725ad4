package endpoints

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	library "k8s.io/endpointslice"
	"k8s.io/endpointslice/util"
	netutils "k8s.io/utils/net"

	"github.com/proa-sh/proa/pkg/services"
)

const (
	// most is how many addresses one Endpoints object holds; clusters with more use EndpointSlices.
	most = 1000
	// managedByLabel tells who made Endpoints, and managedBy that it was this controller.
	managedByLabel = "endpoints.kubernetes.io/managed-by"
	managedBy      = "endpoint-controller"
)

// outcome is what a plan asks for: one of the two, or nothing.
type outcome struct{ create, update *v1.Endpoints }

// plan makes current (nil when there are none) show the pods that the service selects. changed is when what they show
// changed, for the annotation that measures delays; zero leaves it as it is.
func plan(service *v1.Service, pods []*v1.Pod, current *v1.Endpoints, changed time.Time) outcome {
	subsets := subsetsOf(service, pods)
	truncated := truncate(subsets)
	labels := labelsOf(service)
	next := &v1.Endpoints{ObjectMeta: metav1.ObjectMeta{Namespace: service.Namespace, Name: service.Name, Labels: labels}}
	if current != nil {
		next = current.DeepCopy()
		next.Labels = labels
		capacity, marked := current.Annotations[v1.EndpointsOverCapacity]
		if equality.Semantic.DeepEqual(current.Subsets, subsets) && maps.Equal(current.Labels, labels) && marked == truncated && (!marked || capacity == "truncated") {
			return outcome{}
		}
	}
	next.Subsets = subsets
	annotate(&next.ObjectMeta, truncated, changed)
	if current == nil {
		return outcome{create: next}
	}
	return outcome{update: next}
}

func annotate(meta *metav1.ObjectMeta, truncated bool, changed time.Time) {
	delete(meta.Annotations, v1.EndpointsOverCapacity)
	if truncated {
		metav1.SetMetaDataAnnotation(meta, v1.EndpointsOverCapacity, "truncated")
	}
	if changed.IsZero() {
		delete(meta.Annotations, v1.EndpointsLastChangeTriggerTime)
	} else {
		metav1.SetMetaDataAnnotation(meta, v1.EndpointsLastChangeTriggerTime, changed.UTC().Format(time.RFC3339Nano))
	}
}

// labelsOf are the service's labels and the marks of this controller.
func labelsOf(service *v1.Service) map[string]string {
	labels := maps.Clone(service.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	delete(labels, v1.IsHeadlessService)
	if services.Headless(service) {
		labels[v1.IsHeadlessService] = ""
	}
	labels[managedByLabel] = managedBy
	return labels
}

// subsetsOf groups the addresses of pods by the ports that they offer.
func subsetsOf(service *v1.Service, pods []*v1.Pod) []v1.EndpointSubset {
	byPorts := map[string]*v1.EndpointSubset{}
	for _, pod := range pods {
		if !util.ShouldPodBeInEndpoints(pod, service.Spec.PublishNotReadyAddresses) {
			continue
		}
		address, ok := addressOf(service, pod)
		if !ok {
			continue
		}
		ports := portsOf(service, pod)
		if len(ports) == 0 && len(service.Spec.Ports) > 0 {
			continue // it offers none of the ports that the service names
		}
		key := portsKey(ports)
		subset := byPorts[key]
		if subset == nil {
			subset = &v1.EndpointSubset{Ports: ports}
			byPorts[key] = subset
		}
		if service.Spec.PublishNotReadyAddresses || util.IsPodReady(pod) {
			subset.Addresses = append(subset.Addresses, address)
		} else {
			subset.NotReadyAddresses = append(subset.NotReadyAddresses, address)
		}
	}
	var subsets []v1.EndpointSubset
	for _, key := range slices.Sorted(maps.Keys(byPorts)) {
		subset := byPorts[key]
		slices.SortFunc(subset.Addresses, compareAddresses)
		slices.SortFunc(subset.NotReadyAddresses, compareAddresses)
		subsets = append(subsets, *subset)
	}
	return subsets
}

func compareAddresses(a, b v1.EndpointAddress) int {
	return cmp.Or(strings.Compare(a.IP, b.IP), strings.Compare(a.TargetRef.Name, b.TargetRef.Name))
}

// addressOf is the pod's address of the service's first family.
func addressOf(service *v1.Service, pod *v1.Pod) (v1.EndpointAddress, bool) {
	v6 := netutils.IsIPv6String(service.Spec.ClusterIP)
	if len(service.Spec.IPFamilies) > 0 {
		v6 = service.Spec.IPFamilies[0] == v1.IPv6Protocol
	}
	ips := pod.Status.PodIPs
	if len(ips) == 0 {
		ips = []v1.PodIP{{IP: pod.Status.PodIP}}
	}
	at := slices.IndexFunc(ips, func(ip v1.PodIP) bool { return ip.IP != "" && netutils.IsIPv6String(ip.IP) == v6 })
	if at < 0 {
		return v1.EndpointAddress{}, false
	}
	node := pod.Spec.NodeName
	address := v1.EndpointAddress{
		IP: ips[at].IP, NodeName: &node,
		TargetRef: &v1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
	}
	if util.ShouldSetHostname(pod, service) {
		address.Hostname = pod.Spec.Hostname
	}
	return address, true
}

// portsOf are the ports of the pod that the service means, in a fixed order.
func portsOf(service *v1.Service, pod *v1.Pod) []v1.EndpointPort {
	var ports []v1.EndpointPort
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		number, err := library.FindPort(pod, port)
		if err != nil {
			continue // this pod has no port of that name
		}
		ports = append(ports, v1.EndpointPort{Name: port.Name, Port: int32(number), Protocol: port.Protocol, AppProtocol: port.AppProtocol})
	}
	slices.SortFunc(ports, func(a, b v1.EndpointPort) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Port, b.Port), strings.Compare(string(a.Protocol), string(b.Protocol)))
	})
	return ports
}

func portsKey(ports []v1.EndpointPort) string {
	var key strings.Builder
	for _, port := range ports {
		key.WriteString(port.String())
	}
	return key.String()
}

// truncate cuts addresses beyond the limit, ready ones last, and says whether it did.
func truncate(subsets []v1.EndpointSubset) bool {
	room, cut := most, false
	take := func(addresses []v1.EndpointAddress) []v1.EndpointAddress {
		if len(addresses) > room {
			addresses, cut = addresses[:room], true
		}
		room -= len(addresses)
		return addresses
	}
	for i := range subsets {
		subsets[i].Addresses = take(subsets[i].Addresses)
	}
	for i := range subsets {
		subsets[i].NotReadyAddresses = take(subsets[i].NotReadyAddresses)
	}
	return cut
}
