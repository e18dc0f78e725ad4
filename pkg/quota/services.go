package quota

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
)

const countServices corev1.ResourceName = "count/services"

func services(list quota.ListerForResourceFunc) quota.Evaluator {
	return &evaluator{
		resource: corev1.Resource("services"),
		handles:  written,
		names:    among([]corev1.ResourceName{countServices, corev1.ResourceServices, corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers}, nil),
		usage:    serviceUsage,
		list:     generic.ListResourceUsingListerFunc(list, corev1.SchemeGroupVersion.WithResource("services")),
	}
}

// serviceUsage counts a service, and its node ports and load balancer by its type: it need not have got them yet.
func serviceUsage(o runtime.Object) (corev1.ResourceList, error) {
	s, ok := o.(*corev1.Service)
	if !ok {
		return nil, fmt.Errorf("evaluate quota of a service: got a %T", o)
	}
	out := corev1.ResourceList{
		countServices: one(), corev1.ResourceServices: one(),
		corev1.ResourceServicesNodePorts: {Format: resource.DecimalSI}, corev1.ResourceServicesLoadBalancers: {Format: resource.DecimalSI},
	}
	ports := len(s.Spec.Ports)
	switch s.Spec.Type {
	case corev1.ServiceTypeNodePort:
	case corev1.ServiceTypeLoadBalancer:
		out[corev1.ResourceServicesLoadBalancers] = one()
		if a := s.Spec.AllocateLoadBalancerNodePorts; a != nil && !*a {
			ports = 0
			for _, p := range s.Spec.Ports {
				if p.NodePort != 0 {
					ports++
				}
			}
		}
	default:
		return out, nil
	}
	out[corev1.ResourceServicesNodePorts] = *resource.NewQuantity(int64(ports), resource.DecimalSI)
	return out, nil
}
