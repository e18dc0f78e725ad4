package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

type serviceCase = rulestest.Case[v1.Service]

// validService is of a type, defaulted, with an address as the allocator gives it.
func validService(t v1.ServiceType) func() *v1.Service {
	return func() *v1.Service {
		s := &v1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "s", Namespace: "ns", ResourceVersion: "1"},
			Spec:       v1.ServiceSpec{Type: t, Ports: []v1.ServicePort{{Name: "a", Port: 80}}},
		}
		if t == v1.ServiceTypeExternalName {
			s.Spec.ExternalName, s.Spec.Ports = "example.com", nil
		} else {
			s.Spec.ClusterIP = "10.0.0.1"
			s.Spec.IPFamilies = []v1.IPFamily{v1.IPv4Protocol}
			s.Spec.IPFamilyPolicy = ptr.To(v1.IPFamilyPolicySingleStack)
		}
		NormalizeService(s)
		SetServiceDefaults(s)
		return s
	}
}

func TestValidateClusterIPService(t *testing.T) {
	second := v1.ServicePort{Name: "b", Port: 81, Protocol: "TCP", TargetPort: intstr.FromInt32(1)}
	rulestest.Cases(t, validService(v1.ServiceTypeClusterIP), ValidateService, []serviceCase{
		{Name: "name of digits", Change: func(s *v1.Service) { s.Name = "1" }},
		{Name: "name with dot", Change: func(s *v1.Service) { s.Name = "a.b" }, Want: []string{invalid("metadata.name")}},
		{Name: "no ports", Change: func(s *v1.Service) { s.Spec.Ports = nil }, Want: []string{required("spec.ports")}},
		{Name: "headless without ports", Change: func(s *v1.Service) { s.Spec.Ports, s.Spec.ClusterIP, s.Spec.ClusterIPs = nil, "None", []string{"None"} }},
		{Name: "no type", Change: func(s *v1.Service) { s.Spec.Type = "" }, Want: []string{required("spec.type")}},
		{Name: "type", Change: func(s *v1.Service) { s.Spec.Type = "x" }, Want: []string{notSupported("spec.type")}},
		{Name: "one of two without name", Change: func(s *v1.Service) { s.Spec.Ports = append(s.Spec.Ports, second); s.Spec.Ports[0].Name = "" }, Want: []string{required("spec.ports[0].name")}},
		{Name: "same names", Change: func(s *v1.Service) { s.Spec.Ports = append(s.Spec.Ports, second); s.Spec.Ports[0].Name = "b" }, Want: []string{duplicate("spec.ports[1].name")}},
		{Name: "same ports", Change: func(s *v1.Service) { s.Spec.Ports = append(s.Spec.Ports, second); s.Spec.Ports[0].Port = 81 }, Want: []string{duplicate("spec.ports[1]")}},
		{Name: "port", Change: func(s *v1.Service) { s.Spec.Ports[0].Port, s.Spec.Ports[0].TargetPort = 0, intstr.FromString("A") }, Want: []string{invalid("spec.ports[0].port"), invalid("spec.ports[0].targetPort")}},
		{Name: "protocol", Change: func(s *v1.Service) { s.Spec.Ports[0].Protocol, s.Spec.Ports[0].AppProtocol = "x", ptr.To("a b") }, Want: []string{notSupported("spec.ports[0].protocol"), invalid("spec.ports[0].appProtocol")}},
		{Name: "node port", Change: func(s *v1.Service) { s.Spec.Ports[0].NodePort = 30000 }, Want: []string{forbidden("spec.ports[0].nodePort")}},
		{Name: "selector", Change: func(s *v1.Service) { s.Spec.Selector = map[string]string{"/": ""} }, Want: []string{invalid("spec.selector")}},
		{Name: "no affinity", Change: func(s *v1.Service) { s.Spec.SessionAffinity = "" }, Want: []string{required("spec.sessionAffinity")}},
		{Name: "config without affinity", Change: func(s *v1.Service) { s.Spec.SessionAffinityConfig = &v1.SessionAffinityConfig{} }, Want: []string{forbidden("spec.sessionAffinityConfig")}},
		{Name: "affinity without config", Change: func(s *v1.Service) { s.Spec.SessionAffinity = v1.ServiceAffinityClientIP }, Want: []string{required("spec.sessionAffinityConfig")}},
		{Name: "affinity too long", Change: func(s *v1.Service) {
			s.Spec.SessionAffinity, s.Spec.SessionAffinityConfig = v1.ServiceAffinityClientIP, &v1.SessionAffinityConfig{ClientIP: &v1.ClientIPConfig{TimeoutSeconds: ptr.To[int32](86401)}}
		}, Want: []string{invalid("spec.sessionAffinityConfig.clientIP.timeoutSeconds")}},
		{Name: "external addresses", Change: func(s *v1.Service) {
			s.Spec.ExternalIPs, s.Spec.ExternalTrafficPolicy = []string{"x", "127.0.0.1", "0.0.0.0", "1.2.3.4"}, v1.ServiceExternalTrafficPolicyCluster
		}, Want: []string{invalid("spec.externalIPs[0]"), invalid("spec.externalIPs[1]"), invalid("spec.externalIPs[2]")}},
		{Name: "of load balancers", Change: func(s *v1.Service) {
			s.Spec.LoadBalancerSourceRanges, s.Spec.AllocateLoadBalancerNodePorts, s.Spec.LoadBalancerClass = []string{"10.0.0.0/8"}, ptr.To(true), ptr.To("a/b")
		}, Want: []string{forbidden("spec.loadBalancerSourceRanges"), forbidden("spec.allocateLoadBalancerNodePorts"), forbidden("spec.loadBalancerClass")}},
		{Name: "external policy", Change: func(s *v1.Service) { s.Spec.ExternalTrafficPolicy = v1.ServiceExternalTrafficPolicyLocal }, Want: []string{invalid("spec.externalTrafficPolicy")}},
		{Name: "no internal policy", Change: func(s *v1.Service) { s.Spec.InternalTrafficPolicy = nil }, Want: []string{required("spec.internalTrafficPolicy")}},
		{Name: "health check port", Change: func(s *v1.Service) { s.Spec.HealthCheckNodePort = 30000 }, Want: []string{invalid("spec.healthCheckNodePort")}},
		{Name: "distribution", Change: func(s *v1.Service) { s.Spec.TrafficDistribution = ptr.To("x") }, Want: []string{notSupported("spec.trafficDistribution")}},
		{Name: "topology annotations", Change: func(s *v1.Service) {
			s.Annotations = map[string]string{v1.DeprecatedAnnotationTopologyAwareHints: "Auto", v1.AnnotationTopologyMode: "Disabled"}
		}, Want: []string{invalid("metadata.annotations[service.kubernetes.io/topology-mode]")}},
		{Name: "address", Change: func(s *v1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "x", []string{"x"} }, Want: []string{invalid("spec.clusterIPs[0]")}},
		{Name: "addresses differ", Change: func(s *v1.Service) { s.Spec.ClusterIP = "10.0.0.2" }, Want: []string{invalid("spec.clusterIPs")}},
		{Name: "no list", Change: func(s *v1.Service) { s.Spec.ClusterIPs = nil }, Want: []string{required("spec.clusterIPs")}},
		{Name: "none and more", Change: func(s *v1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "None", []string{"None", "::1"} }, Want: []string{invalid("spec.clusterIPs")}},
		{Name: "two of a family", Change: func(s *v1.Service) {
			s.Spec.ClusterIPs, s.Spec.IPFamilyPolicy = []string{"10.0.0.1", "10.0.0.2"}, ptr.To(v1.IPFamilyPolicyPreferDualStack)
		}, Want: []string{invalid("spec.clusterIPs")}},
		{Name: "both families", Change: func(s *v1.Service) {
			s.Spec.ClusterIPs, s.Spec.IPFamilyPolicy = []string{"10.0.0.1", "fd00::1"}, ptr.To(v1.IPFamilyPolicyPreferDualStack)
			s.Spec.IPFamilies = []v1.IPFamily{v1.IPv4Protocol, v1.IPv6Protocol}
		}},
		{Name: "other family", Change: func(s *v1.Service) { s.Spec.IPFamilies = []v1.IPFamily{v1.IPv6Protocol} }, Want: []string{invalid("spec.clusterIPs[0]")}},
		{Name: "families", Change: func(s *v1.Service) { s.Spec.IPFamilies = []v1.IPFamily{v1.IPv4Protocol, v1.IPv4Protocol, "x"} },
			Want: []string{duplicate("spec.ipFamilies[1]"), notSupported("spec.ipFamilies[2]"), invalid("spec.ipFamilies")}},
		{Name: "family policy", Change: func(s *v1.Service) { s.Spec.IPFamilyPolicy = ptr.To(v1.IPFamilyPolicy("x")) }, Want: []string{notSupported("spec.ipFamilyPolicy")}},
	})
}

func TestValidateOtherServices(t *testing.T) {
	rulestest.Cases(t, validService(v1.ServiceTypeLoadBalancer), ValidateService, []serviceCase{
		{Name: "kubelet's port", Change: func(s *v1.Service) { s.Spec.Ports[0].Port = 10250 }},
		{Name: "headless", Change: func(s *v1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "None", []string{"None"} }, Want: []string{invalid("spec.clusterIPs[0]")}},
		{Name: "no decision on node ports", Change: func(s *v1.Service) { s.Spec.AllocateLoadBalancerNodePorts = nil }, Want: []string{required("spec.allocateLoadBalancerNodePorts")}},
		{Name: "source ranges", Change: func(s *v1.Service) { s.Spec.LoadBalancerSourceRanges = []string{"10.0.0.0/33"} }, Want: []string{invalid("spec.loadBalancerSourceRanges[0]")}},
		{Name: "source ranges by annotation", Change: func(s *v1.Service) {
			s.Annotations = map[string]string{v1.AnnotationLoadBalancerSourceRangesKey: "10.0.0.0/8,x"}
		}, Want: []string{invalid("metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]")}},
		{Name: "no external policy", Change: func(s *v1.Service) { s.Spec.ExternalTrafficPolicy = "" }, Want: []string{required("spec.externalTrafficPolicy")}},
		{Name: "local with health check", Change: func(s *v1.Service) { s.Spec.ExternalTrafficPolicy, s.Spec.HealthCheckNodePort = "Local", 30000 }},
		{Name: "node ports", Change: func(s *v1.Service) {
			s.Spec.Ports[0].NodePort = 30000
			s.Spec.Ports = append(s.Spec.Ports, v1.ServicePort{Name: "b", Port: 81, Protocol: "TCP", TargetPort: intstr.FromInt32(1), NodePort: 30000})
		}, Want: []string{duplicate("spec.ports[1].nodePort")}},
	})
	rulestest.Cases(t, validService(v1.ServiceTypeExternalName), ValidateService, []serviceCase{
		{Name: "trailing dot", Change: func(s *v1.Service) { s.Spec.ExternalName = "a.b." }},
		{Name: "no name", Change: func(s *v1.Service) { s.Spec.ExternalName = "" }, Want: []string{required("spec.externalName")}},
		{Name: "name", Change: func(s *v1.Service) { s.Spec.ExternalName = "-a" }, Want: []string{invalid("spec.externalName")}},
		{Name: "address", Change: func(s *v1.Service) { s.Spec.ClusterIPs, s.Spec.IPFamilies = []string{"None"}, []v1.IPFamily{"IPv4"} }, Want: []string{forbidden("spec.clusterIPs"), forbidden("spec.ipFamilies")}},
	})
	rulestest.Cases(t, validService(v1.ServiceTypeNodePort), ValidateService, []serviceCase{
		{Name: "headless", Change: func(s *v1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "None", []string{"None"} }, Want: []string{invalid("spec.clusterIPs[0]")}},
	})
}

func TestValidateServiceUpdate(t *testing.T) {
	rulestest.UpdateCases(t, validService(v1.ServiceTypeClusterIP), ValidateServiceUpdate, []serviceCase{
		{Name: "address", Change: func(s *v1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "10.0.0.2", []string{"10.0.0.2"} }, Want: []string{invalid("spec.clusterIPs")}},
		{Name: "no address", Change: func(s *v1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "", nil }, Want: []string{invalid("spec.clusterIPs[0]")}},
		{Name: "family", Change: func(s *v1.Service) { s.Spec.IPFamilies = []v1.IPFamily{v1.IPv6Protocol} }, Want: []string{invalid("spec.ipFamilies[0]"), invalid("spec.clusterIPs[0]")}},
		{Name: "ports", Change: func(s *v1.Service) { s.Spec.Ports[0].Port = 90 }},
	})
	const ranges = v1.AnnotationLoadBalancerSourceRangesKey
	odd := func() *v1.Service {
		s := validService(v1.ServiceTypeLoadBalancer)()
		s.Annotations = map[string]string{ranges: "10.0.0.0/8,x"}
		return s
	}
	rulestest.UpdateCases(t, odd, ValidateServiceUpdate, []serviceCase{
		{Name: "stored annotation", Change: func(s *v1.Service) { s.Labels = map[string]string{"a": "b"} }},
		{Name: "other annotation", Change: func(s *v1.Service) { s.Annotations[ranges] = "y" }, Want: []string{invalid("metadata.annotations[" + ranges + "]")}},
	})
	padded := func() *v1.Service {
		s := validService(v1.ServiceTypeLoadBalancer)()
		s.Spec.LoadBalancerSourceRanges = []string{" 010.0.0.0/8 "}
		return s
	}
	rulestest.Check(t, ValidateService(padded()), invalid("spec.loadBalancerSourceRanges[0]"))
	rulestest.UpdateCases(t, padded, ValidateServiceUpdate, []serviceCase{
		{Name: "one more", Change: func(s *v1.Service) { s.Spec.LoadBalancerSourceRanges = []string{"010.0.0.0/8", "10.1.0.0/16"} }},
	})
	dual := func() *v1.Service {
		s := validService(v1.ServiceTypeClusterIP)()
		s.Spec.ClusterIPs, s.Spec.IPFamilies = []string{"10.0.0.1", "fd00::1"}, []v1.IPFamily{v1.IPv4Protocol, v1.IPv6Protocol}
		s.Spec.IPFamilyPolicy = ptr.To(v1.IPFamilyPolicyPreferDualStack)
		return s
	}
	rulestest.UpdateCases(t, dual, ValidateServiceUpdate, []serviceCase{
		{Name: "second address", Change: func(s *v1.Service) { s.Spec.ClusterIPs[1] = "fd00::2" }, Want: []string{invalid("spec.clusterIPs[1]")}},
		{Name: "only one address", Change: func(s *v1.Service) {
			s.Spec.ClusterIPs, s.Spec.IPFamilies = s.Spec.ClusterIPs[:1], s.Spec.IPFamilies[:1]
		},
			Want: []string{invalid("spec.clusterIPs[0]"), invalid("spec.ipFamilies[0]")}},
		{Name: "single stack", Change: func(s *v1.Service) {
			s.Spec.ClusterIPs, s.Spec.IPFamilies, s.Spec.IPFamilyPolicy = s.Spec.ClusterIPs[:1], s.Spec.IPFamilies[:1], ptr.To(v1.IPFamilyPolicySingleStack)
		}},
	})
	balancer := func() *v1.Service {
		s := validService(v1.ServiceTypeLoadBalancer)()
		s.Spec.ExternalTrafficPolicy, s.Spec.HealthCheckNodePort = v1.ServiceExternalTrafficPolicyLocal, 30000
		return s
	}
	rulestest.UpdateCases(t, balancer, ValidateServiceUpdate, []serviceCase{
		{Name: "class", Change: func(s *v1.Service) { s.Spec.LoadBalancerClass = ptr.To("a/b") }, Want: []string{invalid("spec.loadBalancerClass")}},
		{Name: "health check port", Change: func(s *v1.Service) { s.Spec.HealthCheckNodePort = 30001 }, Want: []string{forbidden("spec.healthCheckNodePort")}},
	})
}

func TestValidateServiceStatusUpdate(t *testing.T) {
	rulestest.UpdateCases(t, validService(v1.ServiceTypeLoadBalancer), ValidateServiceStatusUpdate, []serviceCase{
		{Name: "address", Change: func(s *v1.Service) {
			s.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{{IP: "1.2.3.4", IPMode: ptr.To(v1.LoadBalancerIPModeVIP)}, {Hostname: "a.b"}}
		}},
		{Name: "faults", Change: func(s *v1.Service) {
			s.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{{IP: "x"}, {Hostname: "1.2.3.4", IPMode: ptr.To(v1.LoadBalancerIPModeVIP)}}
		}, Want: []string{invalid("status.loadBalancer.ingress[0].ip"), required("status.loadBalancer.ingress[0].ipMode"),
			invalid("status.loadBalancer.ingress[1].hostname"), forbidden("status.loadBalancer.ingress[1].ipMode")}},
	})
	rulestest.UpdateCases(t, validService(v1.ServiceTypeClusterIP), ValidateServiceStatusUpdate, []serviceCase{
		{Name: "not a load balancer", Change: func(s *v1.Service) { s.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{{Hostname: "a.b"}} }, Want: []string{forbidden("status.loadBalancer.ingress")}},
	})
}

func TestSetServiceDefaults(t *testing.T) {
	got := &v1.Service{Spec: v1.ServiceSpec{Type: v1.ServiceTypeLoadBalancer, SessionAffinity: v1.ServiceAffinityClientIP, Ports: []v1.ServicePort{{Port: 80}}},
		Status: v1.ServiceStatus{LoadBalancer: v1.LoadBalancerStatus{Ingress: []v1.LoadBalancerIngress{{IP: "1.2.3.4"}, {Hostname: "a"}}}}}
	SetServiceDefaults(got)
	want := &v1.Service{Spec: v1.ServiceSpec{Type: v1.ServiceTypeLoadBalancer, SessionAffinity: v1.ServiceAffinityClientIP,
		SessionAffinityConfig: &v1.SessionAffinityConfig{ClientIP: &v1.ClientIPConfig{TimeoutSeconds: ptr.To[int32](10800)}},
		Ports:                 []v1.ServicePort{{Port: 80, Protocol: v1.ProtocolTCP, TargetPort: intstr.FromInt32(80)}},
		ExternalTrafficPolicy: v1.ServiceExternalTrafficPolicyCluster, InternalTrafficPolicy: ptr.To(v1.ServiceInternalTrafficPolicyCluster),
		AllocateLoadBalancerNodePorts: ptr.To(true)},
		Status: v1.ServiceStatus{LoadBalancer: v1.LoadBalancerStatus{Ingress: []v1.LoadBalancerIngress{{IP: "1.2.3.4", IPMode: ptr.To(v1.LoadBalancerIPModeVIP)}, {Hostname: "a"}}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("services differ (-want +got):\n%s", diff)
	}
}

func TestPrepareServiceUpdate(t *testing.T) {
	old := validService(v1.ServiceTypeLoadBalancer)()
	old.Spec.Ports[0].NodePort = 30000
	old.Spec.ExternalTrafficPolicy, old.Spec.HealthCheckNodePort = v1.ServiceExternalTrafficPolicyLocal, 30001
	old.Spec.LoadBalancerClass = ptr.To("a/b")
	changed := old.DeepCopy()
	changed.Spec.Type = v1.ServiceTypeClusterIP
	PrepareServiceUpdate(changed, old)
	if diff := cmp.Diff(validService(v1.ServiceTypeClusterIP)(), changed); diff != "" {
		t.Errorf("load balancer to cluster address differs (-want +got):\n%s", diff)
	}
	rulestest.Check(t, ValidateServiceUpdate(changed, old))

	external := old.DeepCopy()
	external.Spec.Type, external.Spec.ExternalName = v1.ServiceTypeExternalName, "example.com"
	PrepareServiceUpdate(external, old)
	rulestest.Check(t, ValidateServiceUpdate(external, old))

	back := validService(v1.ServiceTypeClusterIP)()
	back.Spec.ExternalName = "example.com"
	PrepareServiceUpdate(back, validService(v1.ServiceTypeExternalName)())
	if back.Spec.ExternalName != "" {
		t.Errorf("externalName %q stays at a service that is none any more", back.Spec.ExternalName)
	}
}

func TestKeepAllocatedServiceFields(t *testing.T) {
	old := validService(v1.ServiceTypeNodePort)()
	old.Spec.Ports[0].NodePort = 30000
	sent := old.DeepCopy()
	sent.Spec.ClusterIP, sent.Spec.ClusterIPs, sent.Spec.Ports[0].NodePort = "", nil, 0
	KeepAllocatedServiceFields(sent, old)
	if diff := cmp.Diff(old, sent); diff != "" {
		t.Errorf("allocated fields are lost (-want +got):\n%s", diff)
	}
}

func TestNormalizeServiceUpdate(t *testing.T) {
	old := validService(v1.ServiceTypeClusterIP)()
	for _, c := range []struct {
		name, ip string
		ips      []string
		wantIP   string
		wantIPs  []string
	}{
		{"untouched", "10.0.0.1", []string{"10.0.0.1"}, "10.0.0.1", []string{"10.0.0.1"}},
		{"cleared by an old client", "", []string{"10.0.0.1"}, "", nil},
		{"set by an old client", "None", []string{"10.0.0.1"}, "None", []string{"None"}},
		{"list cleared", "10.0.0.1", nil, "", nil},
		{"only the list set", "", []string{"10.0.0.2"}, "10.0.0.2", []string{"10.0.0.2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := old.DeepCopy()
			n.Spec.ClusterIP, n.Spec.ClusterIPs = c.ip, c.ips
			NormalizeServiceUpdate(n, old)
			if diff := cmp.Diff([]any{c.wantIP, c.wantIPs}, []any{n.Spec.ClusterIP, n.Spec.ClusterIPs}); diff != "" {
				t.Errorf("addresses differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestServiceWarnings(t *testing.T) {
	s := validService(v1.ServiceTypeClusterIP)()
	s.Spec.ClusterIP, s.Spec.ClusterIPs = "None", []string{"None"}
	s.Spec.ExternalIPs, s.Spec.ExternalName = []string{"2001:DB8::1"}, "x"
	want := []string{
		"spec.externalIPs is ignored for headless services",
		`spec.externalIPs[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")`,
		`spec.externalName is ignored when spec.type is not "ExternalName"`,
	}
	if diff := cmp.Diff(want, ServiceWarnings(s, nil)); diff != "" {
		t.Errorf("warnings differ (-want +got):\n%s", diff)
	}
}
