package pods

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// FieldValue reads the field that an ObjectFieldSelector names, as environment variables and downward API volumes
// show it. Status and node fields are read from the pod as it is given; a caller that knows fresher addresses sets
// them on its own copy first.
func FieldValue(pod *v1.Pod, path string) (string, error) {
	if field, key, ok := splitSubscript(path); ok {
		return subscriptValue(pod, path, field, key)
	}
	switch path {
	case "metadata.name":
		return pod.Name, nil
	case "metadata.namespace":
		return pod.Namespace, nil
	case "metadata.uid":
		return string(pod.UID), nil
	case "metadata.labels":
		return formatMap(pod.Labels), nil
	case "metadata.annotations":
		return formatMap(pod.Annotations), nil
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.hostIP":
		return pod.Status.HostIP, nil
	case "status.podIP":
		return pod.Status.PodIP, nil
	case "status.hostIPs":
		ips := make([]string, 0, len(pod.Status.HostIPs))
		for _, ip := range pod.Status.HostIPs {
			ips = append(ips, ip.IP)
		}
		return strings.Join(ips, ","), nil
	case "status.podIPs":
		ips := make([]string, 0, len(pod.Status.PodIPs))
		for _, ip := range pod.Status.PodIPs {
			ips = append(ips, ip.IP)
		}
		return strings.Join(ips, ","), nil
	}
	return "", fmt.Errorf("unsupported fieldPath: %v", path)
}

// subscriptValue reads one label or annotation. A missing key reads as the empty string.
func subscriptValue(pod *v1.Pod, path, field, key string) (string, error) {
	values, checked := pod.Labels, key
	switch field {
	case "metadata.labels":
	case "metadata.annotations":
		values, checked = pod.Annotations, strings.ToLower(key)
	default:
		return "", fmt.Errorf("fieldPath %q does not support subscript", path)
	}
	if errs := validation.IsQualifiedName(checked); len(errs) != 0 {
		return "", fmt.Errorf("invalid key subscript in %s: %s", path, strings.Join(errs, ";"))
	}
	return values[key], nil
}

// splitSubscript takes "metadata.labels['key']" apart.
func splitSubscript(path string) (field, key string, ok bool) {
	inner, ok := strings.CutSuffix(path, "']")
	if !ok {
		return "", "", false
	}
	field, key, ok = strings.Cut(inner, "['")
	return field, key, ok && field != ""
}

// formatMap writes one key="value" line for each entry, sorted by key, without a newline at the end.
func formatMap(m map[string]string) string {
	lines := make([]string, 0, len(m))
	for k, v := range m {
		lines = append(lines, fmt.Sprintf("%v=%q", k, v))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// ResourceFieldValue reads the request or limit that a ResourceFieldSelector names. fallback is the container that
// the volume or variable belongs to, used when the selector names none. A limit that neither the container nor the
// pod sets reads as what the node can allocate.
func ResourceFieldValue(pod *v1.Pod, selector *v1.ResourceFieldSelector, fallback string, allocatable v1.ResourceList) (string, error) {
	name := selector.ContainerName
	if name == "" {
		name = fallback
	}
	container := Container(pod, name)
	if container == nil {
		return "", fmt.Errorf("container %s not found", name)
	}
	kind, resourceName, ok := strings.Cut(selector.Resource, ".")
	if !ok || !isDownwardResource(v1.ResourceName(resourceName)) {
		return "", fmt.Errorf("unsupported container resource : %v", selector.Resource)
	}
	var quantity resource.Quantity
	switch kind {
	case "limits":
		quantity = effectiveLimit(pod, container, v1.ResourceName(resourceName), allocatable)
	case "requests":
		quantity = container.Resources.Requests[v1.ResourceName(resourceName)]
	default:
		return "", fmt.Errorf("unsupported container resource : %v", selector.Resource)
	}
	return divide(quantity, selector.Divisor, v1.ResourceName(resourceName)), nil
}

func isDownwardResource(name v1.ResourceName) bool {
	switch name {
	case v1.ResourceCPU, v1.ResourceMemory, v1.ResourceEphemeralStorage:
		return true
	}
	return strings.HasPrefix(string(name), v1.ResourceHugePagesPrefix)
}

// effectiveLimit is the limit that binds the container: its own, else the pod's, else what the node has.
func effectiveLimit(pod *v1.Pod, container *v1.Container, name v1.ResourceName, allocatable v1.ResourceList) resource.Quantity {
	if q, ok := container.Resources.Limits[name]; ok && !q.IsZero() {
		return q
	}
	if pod.Spec.Resources != nil {
		if q, ok := pod.Spec.Resources.Limits[name]; ok && !q.IsZero() {
			return q
		}
	}
	if strings.HasPrefix(string(name), v1.ResourceHugePagesPrefix) {
		return resource.Quantity{}
	}
	return allocatable[name]
}

// divide gives quantity/divisor rounded up; an unset divisor is 1. CPU is counted in thousandths.
func divide(quantity, divisor resource.Quantity, name v1.ResourceName) string {
	if divisor.IsZero() {
		divisor = *resource.NewQuantity(1, resource.DecimalSI)
	}
	if name == v1.ResourceCPU {
		return strconv.FormatInt(int64(math.Ceil(float64(quantity.MilliValue())/float64(divisor.MilliValue()))), 10)
	}
	return strconv.FormatInt(int64(math.Ceil(float64(quantity.Value())/float64(divisor.Value()))), 10)
}
