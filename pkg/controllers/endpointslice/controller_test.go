package endpointslice

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func newService() *v1.Service {
	return &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: v1.ServiceSpec{
			Selector: map[string]string{"app": "web"}, ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1"}, IPFamilies: []v1.IPFamily{v1.IPv4Protocol},
			Ports: []v1.ServicePort{{Name: "http", Port: 80, Protocol: v1.ProtocolTCP, TargetPort: intstr.FromInt32(8080)}},
		},
	}
}

func newPod(n int, ready v1.ConditionStatus) *v1.Pod {
	ip := fmt.Sprintf("10.1.0.%d", n)
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("web-%d", n), Labels: map[string]string{"app": "web"}},
		Spec:       v1.PodSpec{NodeName: "n1"},
		Status: v1.PodStatus{
			Phase: v1.PodRunning, PodIP: ip, PodIPs: []v1.PodIP{{IP: ip}}, Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: ready}},
		},
	}
}

func TestController(t *testing.T) {
	s := controltest.NewServer(t, newService(), newPod(1, "True"), newPod(2, "False"), &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}})
	controltest.Run(t, s, func(d control.Dependencies) (control.Controller, error) { return New(d, 2) })
	endpoints := func() []string {
		var all []string
		for _, slice := range controltest.List[discovery.EndpointSlice](t, s, "discovery.k8s.io", "endpointslices", "default") {
			for _, e := range slice.Endpoints {
				all = append(all, fmt.Sprintf("%s:%d %v", e.Addresses[0], *slice.Ports[0].Port, *e.Conditions.Ready))
			}
		}
		slices.Sort(all)
		return all
	}
	shows := func(want ...string) func() bool { return func() bool { return cmp.Equal(want, endpoints()) } }
	s.Wait(t, "both pods are endpoints", shows("10.1.0.1:8080 true", "10.1.0.2:8080 false"))
	s.Put(newPod(2, "True"))
	s.Wait(t, "both are ready", shows("10.1.0.1:8080 true", "10.1.0.2:8080 true"))
	s.Put(newPod(3, "True"))
	s.Wait(t, "there is a third", shows("10.1.0.1:8080 true", "10.1.0.2:8080 true", "10.1.0.3:8080 true"))
	if n := len(controltest.List[discovery.EndpointSlice](t, s, "discovery.k8s.io", "endpointslices", "default")); n != 2 {
		t.Errorf("%d slices for three endpoints, want 2", n)
	}
	done := newPod(1, "True")
	done.Status.Phase = v1.PodSucceeded
	s.Put(done)
	s.Wait(t, "the ended pod is none", shows("10.1.0.2:8080 true", "10.1.0.3:8080 true"))
	for _, slice := range controltest.List[discovery.EndpointSlice](t, s, "discovery.k8s.io", "endpointslices", "default") {
		if err := s.Client().DiscoveryV1().EndpointSlices("default").Delete(t.Context(), slice.Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s.Wait(t, "deleted slices are back", shows("10.1.0.2:8080 true", "10.1.0.3:8080 true"))
}
