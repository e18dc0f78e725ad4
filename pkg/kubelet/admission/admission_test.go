package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

func needs(cpu string, ports ...v1.ContainerPort) *v1.Pod {
	c := v1.Container{Ports: ports}
	if cpu != "" {
		c.Resources.Requests = v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu)}
	}
	return &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{c}}}
}

func node() *v1.Node {
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"zone": "a"}},
		Status:     v1.NodeStatus{Allocatable: v1.ResourceList{v1.ResourceCPU: resource.MustParse("2"), v1.ResourcePods: resource.MustParse("3")}},
	}
}

func TestCheck(t *testing.T) {
	port := func(ip string) v1.ContainerPort {
		return v1.ContainerPort{HostPort: 80, Protocol: v1.ProtocolTCP, HostIP: ip}
	}
	sysctl := func(name string, host bool) *v1.Pod {
		p := needs("")
		p.Spec.HostNetwork = host
		p.Spec.SecurityContext = &v1.PodSecurityContext{Sysctls: []v1.Sysctl{{Name: name, Value: "1"}}}
		return p
	}
	elsewhere := needs("")
	elsewhere.Spec.NodeSelector = map[string]string{"zone": "b"}
	windows := needs("")
	windows.Spec.OS = &v1.PodOS{Name: v1.Windows}
	unlisted := needs("")
	unlisted.Spec.Containers[0].Resources.Requests = v1.ResourceList{"example.org/gpu": resource.MustParse("1")}
	for _, tc := range []struct {
		name   string
		pod    *v1.Pod
		others []*v1.Pod
		want   *podstate.Reason
	}{
		{"fits", needs("1500m"), []*v1.Pod{needs("500m")}, nil},
		{"no room", needs("1600m"), []*v1.Pod{needs("500m")}, &podstate.Reason{Reason: "OutOfcpu",
			Message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 1600, used: 500, capacity: 2000"}},
		{"too many", needs(""), []*v1.Pod{needs(""), needs(""), needs("")}, &podstate.Reason{Reason: "OutOfpods",
			Message: "Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3"}},
		{"a resource that the node does not list", unlisted, nil, nil},
		{"another zone", elsewhere, nil, &podstate.Reason{Reason: "NodeAffinity",
			Message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"}},
		{"port taken", needs("", port("")), []*v1.Pod{needs("", port("192.0.2.1"))}, &podstate.Reason{Reason: "NodePorts",
			Message: "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"}},
		{"port on another address", needs("", port("192.0.2.2")), []*v1.Pod{needs("", port("192.0.2.1"))}, nil},
		{"another system", windows, nil, &podstate.Reason{Reason: "PodOSNotSupported", Message: "Failed to admit pod as the OS field doesn't match node OS"}},
		{"safe sysctl", sysctl("net.ipv4.tcp_syncookies", false), nil, nil},
		{"safe sysctl on the host's network", sysctl("net.ipv4.tcp_syncookies", true), nil, &podstate.Reason{Reason: "SysctlForbidden",
			Message: `Pod was rejected: forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled`}},
		{"allowed sysctl", sysctl("kernel/msgmax", false), nil, nil},
		{"unsafe sysctl", sysctl("kernel.sem", false), nil, &podstate.Reason{Reason: "SysctlForbidden",
			Message: `Pod was rejected: forbidden sysctl: "kernel.sem" not allowlisted`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Check(tc.pod, node(), tc.others, Settings{AllowedSysctls: []string{"kernel.msg*"}})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("refusal (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFits(t *testing.T) {
	for _, tc := range []struct {
		cpu    string
		others []*v1.Pod
		want   string
	}{
		{"1", []*v1.Pod{needs("1")}, ""},
		{"1500m", []*v1.Pod{needs("1")}, v1.PodReasonDeferred},
		{"3", nil, v1.PodReasonInfeasible},
	} {
		got := ""
		if r := Fits(needs(tc.cpu), node(), tc.others); r != nil {
			got = r.Reason
		}
		if got != tc.want {
			t.Errorf("%s beside %d others: %q, want %q", tc.cpu, len(tc.others), got, tc.want)
		}
	}
}
