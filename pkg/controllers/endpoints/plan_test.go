package endpoints

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func newService(changes ...func(*v1.Service)) *v1.Service {
	service := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", Labels: map[string]string{"team": "x"}},
		Spec: v1.ServiceSpec{
			Selector: map[string]string{"app": "web"}, ClusterIP: "10.0.0.1", IPFamilies: []v1.IPFamily{v1.IPv4Protocol},
			Ports: []v1.ServicePort{{Name: "http", Port: 80, Protocol: v1.ProtocolTCP, TargetPort: intstr.FromString("web")}},
		},
	}
	for _, change := range changes {
		change(service)
	}
	return service
}

func newPod(n int, port int32, ready v1.ConditionStatus, changes ...func(*v1.Pod)) *v1.Pod {
	name := fmt.Sprintf("web-%d", n)
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Labels: map[string]string{"app": "web"}},
		Spec: v1.PodSpec{NodeName: "n1", Containers: []v1.Container{{Name: "c", Ports: []v1.ContainerPort{
			{Name: "web", ContainerPort: port, Protocol: v1.ProtocolTCP},
		}}}},
		Status: v1.PodStatus{
			Phase: v1.PodRunning, PodIPs: []v1.PodIP{{IP: fmt.Sprintf("10.1.0.%d", n)}, {IP: fmt.Sprintf("fd00::%d", n)}},
			Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: ready}},
		},
	}
	pod.Status.PodIP = pod.Status.PodIPs[0].IP
	for _, change := range changes {
		change(pod)
	}
	return pod
}

// text is subsets in short: "ports: ready | not ready".
func text(subsets []v1.EndpointSubset) []string {
	var lines []string
	for _, subset := range subsets {
		line := ""
		for _, port := range subset.Ports {
			line += fmt.Sprintf("%s=%d ", port.Name, port.Port)
		}
		for _, a := range subset.Addresses {
			line += a.IP + " "
		}
		line += "|"
		for _, a := range subset.NotReadyAddresses {
			line += " " + a.IP
		}
		lines = append(lines, line)
	}
	return lines
}

func TestSubsets(t *testing.T) {
	ending := func(pod *v1.Pod) { pod.DeletionTimestamp = &metav1.Time{} }
	all := func(s *v1.Service) { s.Spec.PublishNotReadyAddresses = true }
	tests := []struct {
		name    string
		service *v1.Service
		pods    []*v1.Pod
		want    []string
	}{
		{"none", newService(), nil, nil},
		{"ready and not", newService(), []*v1.Pod{newPod(2, 8080, "True"), newPod(1, 8080, "True"), newPod(3, 8080, "False")}, []string{"http=8080 10.1.0.1 10.1.0.2 | 10.1.0.3"}},
		{"named ports differ", newService(), []*v1.Pod{newPod(1, 8080, "True"), newPod(2, 9090, "True")}, []string{"http=8080 10.1.0.1 |", "http=9090 10.1.0.2 |"}},
		{"ending and ended pods", newService(), []*v1.Pod{newPod(1, 8080, "True", ending), newPod(2, 8080, "True", func(p *v1.Pod) { p.Status.Phase = v1.PodFailed })}, nil},
		{"all wanted", newService(all), []*v1.Pod{newPod(1, 8080, "False", ending), newPod(2, 8080, "False")}, []string{"http=8080 10.1.0.1 10.1.0.2 |"}},
		{"other family", newService(func(s *v1.Service) { s.Spec.IPFamilies = []v1.IPFamily{v1.IPv6Protocol} }), []*v1.Pod{newPod(1, 8080, "True")}, []string{"http=8080 fd00::1 |"}},
		{"no such port", newService(func(s *v1.Service) { s.Spec.Ports[0].TargetPort = intstr.FromString("none") }), []*v1.Pod{newPod(1, 8080, "True")}, nil},
		{"headless without ports", newService(func(s *v1.Service) { s.Spec.ClusterIP, s.Spec.Ports = "None", nil }), []*v1.Pod{newPod(1, 8080, "True")}, []string{"10.1.0.1 |"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, text(subsetsOf(test.service, test.pods))); diff != "" {
				t.Errorf("subsets (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	changed := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	node := "n1"
	want := &v1.Endpoints{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "web", Labels: map[string]string{"team": "x", managedByLabel: managedBy},
			Annotations: map[string]string{v1.EndpointsLastChangeTriggerTime: "2026-01-01T00:00:00Z"},
		},
		Subsets: []v1.EndpointSubset{{
			Addresses: []v1.EndpointAddress{{IP: "10.1.0.1", NodeName: &node, TargetRef: &v1.ObjectReference{Kind: "Pod", Namespace: "default", Name: "web-1", UID: "web-1"}}},
			Ports:     []v1.EndpointPort{{Name: "http", Port: 8080, Protocol: v1.ProtocolTCP}},
		}},
	}
	pods := []*v1.Pod{newPod(1, 8080, "True")}
	if diff := cmp.Diff(outcome{create: want}, plan(newService(), pods, nil, changed), cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
	if got := plan(newService(), pods, want, time.Time{}); got != (outcome{}) {
		t.Errorf("without a change: %v", got)
	}
	gone := want.DeepCopy()
	gone.Subsets, gone.Annotations = nil, map[string]string{}
	if diff := cmp.Diff(outcome{update: gone}, plan(newService(), nil, want, time.Time{}), cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("pods gone (-want +got):\n%s", diff)
	}
}

func TestTruncate(t *testing.T) {
	subsets := []v1.EndpointSubset{{Addresses: make([]v1.EndpointAddress, 700), NotReadyAddresses: make([]v1.EndpointAddress, 50)}, {Addresses: make([]v1.EndpointAddress, 400)}}
	if !truncate(subsets) {
		t.Error("not truncated")
	}
	if a, b, c := len(subsets[0].Addresses), len(subsets[1].Addresses), len(subsets[0].NotReadyAddresses); a != 700 || b != 300 || c != 0 {
		t.Errorf("left %d, %d ready and %d not, want 700, 300 and 0", a, b, c)
	}
}
