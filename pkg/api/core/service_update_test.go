package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestKeepAllocated(t *testing.T) {
	single, prefer := corev1.IPFamilyPolicySingleStack, corev1.IPFamilyPolicyPreferDualStack
	cluster := corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1"}, IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol}, IPFamilyPolicy: &single}
	nodePort := corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1"},
		Ports: []corev1.ServicePort{{Name: "a", Port: 80, NodePort: 30080}, {Name: "b", Port: 81, NodePort: 30081}}}
	dual := corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1", "fd00::1"},
		IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}, IPFamilyPolicy: &prefer}
	balanced := corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1"}, HealthCheckNodePort: 30999,
		ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal, AllocateLoadBalancerNodePorts: new(true), LoadBalancerClass: new("example.org/lb")}
	for _, tt := range []struct {
		name            string
		old, new, after corev1.ServiceSpec
	}{
		{"replaced without addresses", cluster, corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, IPFamilies: cluster.IPFamilies, IPFamilyPolicy: &single}, cluster},
		{"becomes an external name", cluster, with(cluster, func(s *corev1.ServiceSpec) { s.Type, s.ExternalName = corev1.ServiceTypeExternalName, "example.org" }),
			corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.org"}},
		{"node ports by name", nodePort, with(nodePort, func(s *corev1.ServiceSpec) {
			s.Ports = []corev1.ServicePort{{Name: "b", Port: 82}, {Name: "c", Port: 83}, {Name: "a", Port: 80}}
		}), with(nodePort, func(s *corev1.ServiceSpec) {
			s.Ports = []corev1.ServicePort{{Name: "b", Port: 82, NodePort: 30081}, {Name: "c", Port: 83}, {Name: "a", Port: 80, NodePort: 30080}}
		})},
		{"node port taken by another port", nodePort, with(nodePort, func(s *corev1.ServiceSpec) {
			s.Ports = []corev1.ServicePort{{Name: "a", Port: 80}, {Name: "c", Port: 83, NodePort: 30080}}
		}), with(nodePort, func(s *corev1.ServiceSpec) {
			s.Ports = []corev1.ServicePort{{Name: "a", Port: 80}, {Name: "c", Port: 83, NodePort: 30080}}
		})},
		{"no longer on nodes", nodePort, with(nodePort, func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeClusterIP }),
			with(nodePort, func(s *corev1.ServiceSpec) {
				s.Type, s.Ports = corev1.ServiceTypeClusterIP, []corev1.ServicePort{{Name: "a", Port: 80}, {Name: "b", Port: 81}}
			})},
		{"single stack", dual, with(dual, func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = &single }), cluster},
		{"no longer balanced", balanced, with(balanced, func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeClusterIP }),
			corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1"}}},
		{"health check port stays", balanced, with(balanced, func(s *corev1.ServiceSpec) { s.HealthCheckNodePort = 0 }), balanced},
	} {
		t.Run(tt.name, func(t *testing.T) {
			old, got := &corev1.Service{Spec: tt.old}, &corev1.Service{Spec: tt.new}
			KeepAllocated(got, old)
			if diff := cmp.Diff(tt.after, got.Spec); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			KeepAllocated(got, old)
			if diff := cmp.Diff(tt.after, got.Spec); diff != "" {
				t.Errorf("the second time (-want +got):\n%s", diff)
			}
		})
	}
}

func with(s corev1.ServiceSpec, change func(*corev1.ServiceSpec)) corev1.ServiceSpec {
	out := *s.DeepCopy()
	change(&out)
	return out
}
