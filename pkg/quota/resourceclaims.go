package quota

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
)

const countResourceClaims corev1.ResourceName = "count/resourceclaims.resource.k8s.io"

// resourceClaims counts claims of devices, and the devices by their class (KEP-4381): <class>.deviceclass.resource.k8s.io/devices
// and, by the name of the extended resource that every class is, requests.deviceclass.resource.kubernetes.io/<class> (KEP-5004).
func resourceClaims(list quota.ListerForResourceFunc) quota.Evaluator {
	return &evaluator{
		resource: resourcev1.Resource("resourceclaims"),
		handles:  created,
		names: among([]corev1.ResourceName{countResourceClaims}, func(n corev1.ResourceName) bool {
			return strings.HasSuffix(string(n), corev1.ResourceClaimsPerClass) || strings.HasPrefix(string(n), corev1.ResourceImplicitExtendedClaimsPerClass)
		}),
		usage: resourceClaimUsage,
		list:  generic.ListResourceUsingListerFunc(list, resourcev1.SchemeGroupVersion.WithResource("resourceclaims")),
	}
}

// resourceClaimUsage is the most that a claim can get of each class.
func resourceClaimUsage(o runtime.Object) (corev1.ResourceList, error) {
	c, ok := o.(*resourcev1.ResourceClaim)
	if !ok {
		return nil, fmt.Errorf("evaluate quota of a resource claim: got a %T", o)
	}
	devices := map[string]int64{}
	for _, request := range c.Spec.Devices.Requests {
		for class, n := range mostOf(request) {
			devices[class] += n
		}
	}
	out := corev1.ResourceList{countResourceClaims: one()}
	for class, n := range devices {
		number := *resource.NewQuantity(n, resource.DecimalSI)
		out[corev1.ResourceName(class+corev1.ResourceClaimsPerClass)] = number
		out[corev1.ResourceName(corev1.ResourceImplicitExtendedClaimsPerClass+class)] = number
	}
	return out, nil
}

// mostOf is how many devices of each class a request can get: of alternatives it gets one.
func mostOf(request resourcev1.DeviceRequest) map[string]int64 {
	if exactly := request.Exactly; exactly != nil {
		return map[string]int64{exactly.DeviceClassName: devicesOf(exactly.AllocationMode, exactly.Count)}
	}
	most := map[string]int64{}
	for _, one := range request.FirstAvailable {
		most[one.DeviceClassName] = max(most[one.DeviceClassName], devicesOf(one.AllocationMode, one.Count))
	}
	return most
}

// devicesOf is how many devices a mode gives. All gives as many as there are, at most as many as one claim can have.
func devicesOf(mode resourcev1.DeviceAllocationMode, count int64) int64 {
	if mode == resourcev1.DeviceAllocationModeAll {
		return resourcev1.AllocationResultsMaxSize
	}
	return max(count, 1)
}
