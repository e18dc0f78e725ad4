package networking

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

var (
	invalid      = rulestest.Invalid
	required     = rulestest.Required
	notSupported = rulestest.NotSupported
	forbidden    = rulestest.Forbidden
)

func objectMeta(name, namespace string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: namespace, ResourceVersion: "1"}
}

func TestNetworkPolicies(t *testing.T) {
	valid := func() *networkingv1.NetworkPolicy {
		p := &networkingv1.NetworkPolicy{ObjectMeta: objectMeta("p", "ns"), Spec: networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{
			Ports: []networkingv1.NetworkPolicyPort{{Port: ptr.To(intstr.FromInt32(80))}}, To: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}}}}}}
		SetNetworkPolicyDefaults(p)
		return p
	}
	if diff := cmp.Diff([]networkingv1.PolicyType{"Ingress", "Egress"}, valid().Spec.PolicyTypes); diff != "" || *valid().Spec.Egress[0].Ports[0].Protocol != v1.ProtocolTCP {
		t.Errorf("defaults differ (-want +got):\n%s", diff)
	}
	type c = rulestest.Case[networkingv1.NetworkPolicy]
	port := func(change func(*networkingv1.NetworkPolicyPort)) func(*networkingv1.NetworkPolicy) {
		return func(p *networkingv1.NetworkPolicy) { change(&p.Spec.Egress[0].Ports[0]) }
	}
	peer := func(change func(*networkingv1.NetworkPolicyPeer)) func(*networkingv1.NetworkPolicy) {
		return func(p *networkingv1.NetworkPolicy) { change(&p.Spec.Egress[0].To[0]) }
	}
	const e = "spec.egress[0]."
	rulestest.Cases(t, valid, ValidateNetworkPolicy, []c{
		{Name: "types", Change: func(p *networkingv1.NetworkPolicy) { p.Spec.PolicyTypes = []networkingv1.PolicyType{"x"} }, Want: []string{notSupported("spec.policyTypes[0]")}},
		{Name: "three types", Change: func(p *networkingv1.NetworkPolicy) { p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, "Egress") }, Want: []string{invalid("spec.policyTypes")}},
		{Name: "protocol", Change: port(func(p *networkingv1.NetworkPolicyPort) { p.Protocol = ptr.To(v1.Protocol("x")) }), Want: []string{notSupported(e + "ports[0].protocol")}},
		{Name: "end", Change: port(func(p *networkingv1.NetworkPolicyPort) { p.EndPort = ptr.To[int32](79) }), Want: []string{invalid(e + "ports[0].endPort")}},
		{Name: "end of name", Change: port(func(p *networkingv1.NetworkPolicyPort) {
			p.Port, p.EndPort = ptr.To(intstr.FromString("http")), ptr.To[int32](79)
		}), Want: []string{invalid(e + "ports[0].endPort")}},
		{Name: "end of nothing", Change: port(func(p *networkingv1.NetworkPolicyPort) { p.Port, p.EndPort = nil, ptr.To[int32](79) }), Want: []string{required(e + "ports[0].port")}},
		{Name: "no peer", Change: peer(func(p *networkingv1.NetworkPolicyPeer) { p.PodSelector = nil }), Want: []string{required(e + "to[0]")}},
		{Name: "two peers", Change: peer(func(p *networkingv1.NetworkPolicyPeer) { p.IPBlock = &networkingv1.IPBlock{CIDR: "10.0.0.0/8"} }), Want: []string{forbidden(e + "to[0]")}},
		{Name: "except", Change: peer(func(p *networkingv1.NetworkPolicyPeer) {
			p.PodSelector, p.IPBlock = nil, &networkingv1.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"11.0.0.0/9", "10.0.0.0/8", "10.1.0.0/16"}}
		}), Want: []string{invalid(e + "to[0].ipBlock.except[0]"), invalid(e + "to[0].ipBlock.except[1]")}},
	})
}

func TestIngresses(t *testing.T) {
	valid := func() *networkingv1.Ingress {
		return &networkingv1.Ingress{ObjectMeta: objectMeta("i", "ns"), Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: "*.example.com", IngressRuleValue: networkingv1.IngressRuleValue{
			HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: ptr.To(networkingv1.PathTypePrefix),
				Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "s", Port: networkingv1.ServiceBackendPort{Number: 80}}}}}}}}}}}
	}
	path := func(change func(*networkingv1.HTTPIngressPath)) func(*networkingv1.Ingress) {
		return func(i *networkingv1.Ingress) { change(&i.Spec.Rules[0].HTTP.Paths[0]) }
	}
	const p = "spec.rules[0].http.paths[0]."
	rulestest.Cases(t, valid, ValidateIngress, []rulestest.Case[networkingv1.Ingress]{
		{Name: "nothing", Change: func(i *networkingv1.Ingress) { i.Spec.Rules = nil }, Want: []string{invalid("spec")}},
		{Name: "host", Change: func(i *networkingv1.Ingress) { i.Spec.Rules[0].Host = "1.2.3.4" }, Want: []string{invalid("spec.rules[0].host")}},
		{Name: "no paths", Change: func(i *networkingv1.Ingress) { i.Spec.Rules[0].HTTP.Paths = nil }, Want: []string{required("spec.rules[0].http.paths")}},
		{Name: "no type", Change: path(func(h *networkingv1.HTTPIngressPath) { h.PathType = nil }), Want: []string{required(p + "pathType")}},
		{Name: "type", Change: path(func(h *networkingv1.HTTPIngressPath) { h.PathType = ptr.To(networkingv1.PathType("x")) }), Want: []string{notSupported(p + "pathType")}},
		{Name: "path", Change: path(func(h *networkingv1.HTTPIngressPath) { h.Path = "/a//b/.." }), Want: []string{invalid(p + "path")}},
		{Name: "no backend", Change: path(func(h *networkingv1.HTTPIngressPath) { h.Backend.Service = nil }), Want: []string{invalid(p + "backend")}},
		{Name: "two ports", Change: path(func(h *networkingv1.HTTPIngressPath) { h.Backend.Service.Port.Name = "a" }), Want: []string{invalid(p + "backend")}},
		{Name: "service", Change: path(func(h *networkingv1.HTTPIngressPath) { h.Backend.Service.Name = "a.b" }), Want: []string{invalid(p + "backend.service.name")}},
		{Name: "resource", Change: path(func(h *networkingv1.HTTPIngressPath) {
			h.Backend = networkingv1.IngressBackend{Resource: &v1.TypedLocalObjectReference{}}
		}),
			Want: []string{required(p + "backend.resource.apiGroup"), required(p + "backend.resource.kind"), required(p + "backend.resource.name")}},
		{Name: "tls", Change: func(i *networkingv1.Ingress) {
			i.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{"*"}, SecretName: "A"}}
		}, Want: []string{invalid("spec.tls[0].hosts[0]"), invalid("spec.tls[0].secretName")}},
		{Name: "class twice", Change: func(i *networkingv1.Ingress) {
			i.Annotations, i.Spec.IngressClassName = map[string]string{"kubernetes.io/ingress.class": "a"}, ptr.To("b")
		}, Want: []string{invalid("metadata.annotations.kubernetes.io/ingress.class")}},
	})
	noBackend := valid()
	noBackend.Spec.DefaultBackend = &networkingv1.IngressBackend{}
	rulestest.Message(t, ValidateIngress(noBackend), `spec.defaultBackend: Invalid value: "": resource or service backend is required`)
	odd := func() *networkingv1.Ingress { i := valid(); i.Spec.Rules[0].HTTP.Paths[0].Path = "a"; return i }
	rulestest.Check(t, ValidateIngress(odd()), invalid(p+"path"))
	rulestest.UpdateCases(t, odd, ValidateIngressUpdate, []rulestest.Case[networkingv1.Ingress]{
		{Name: "stored under a wildcard", Change: func(i *networkingv1.Ingress) { i.Labels = map[string]string{"a": "b"} }},
		{Name: "new host", Change: func(i *networkingv1.Ingress) { i.Spec.Rules[0].Host = "a.example.com" }, Want: []string{invalid(p + "path")}},
	})
	rulestest.UpdateCases(t, valid, ValidateIngressStatusUpdate, []rulestest.Case[networkingv1.Ingress]{
		{Name: "addresses", Change: func(i *networkingv1.Ingress) {
			i.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "x"}, {Hostname: "1.2.3.4"}}
		}, Want: []string{invalid("status.loadBalancer.ingress[0].ip"), invalid("status.loadBalancer.ingress[1].hostname")}},
	})
}

func TestIngressClasses(t *testing.T) {
	valid := func() *networkingv1.IngressClass {
		c := &networkingv1.IngressClass{ObjectMeta: objectMeta("c", ""), Spec: networkingv1.IngressClassSpec{Controller: "example.com/c", Parameters: &networkingv1.IngressClassParametersReference{Kind: "K", Name: "n"}}}
		SetIngressClassDefaults(c)
		return c
	}
	type c = rulestest.Case[networkingv1.IngressClass]
	rulestest.Cases(t, valid, ValidateIngressClass, []c{
		{Name: "controller", Change: func(c *networkingv1.IngressClass) { c.Spec.Controller = "x" }, Want: []string{invalid("spec.controller")}},
		{Name: "scope", Change: func(c *networkingv1.IngressClass) { c.Spec.Parameters.Scope = ptr.To("x") }, Want: []string{notSupported("spec.parameters.scope")}},
		{Name: "no namespace", Change: func(c *networkingv1.IngressClass) { c.Spec.Parameters.Scope = ptr.To("Namespace") }, Want: []string{required("spec.parameters.namespace")}},
		{Name: "namespace of the cluster", Change: func(c *networkingv1.IngressClass) { c.Spec.Parameters.Namespace = ptr.To("a") }, Want: []string{forbidden("spec.parameters.namespace")}},
	})
	rulestest.UpdateCases(t, valid, ValidateIngressClassUpdate, []c{
		{Name: "controller", Change: func(c *networkingv1.IngressClass) { c.Spec.Controller = "example.com/d" }, Want: []string{invalid("spec.controller")}},
	})
}

func TestAddresses(t *testing.T) {
	address := func() *networkingv1.IPAddress {
		return &networkingv1.IPAddress{ObjectMeta: objectMeta("10.0.0.1", ""), Spec: networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{Resource: "services", Name: "s", Namespace: "ns"}}}
	}
	rulestest.Cases(t, address, ValidateIPAddress, []rulestest.Case[networkingv1.IPAddress]{
		{Name: "name", Change: func(a *networkingv1.IPAddress) { a.Name = "010.0.0.1" }, Want: []string{invalid("metadata.name")}},
		{Name: "no parent", Change: func(a *networkingv1.IPAddress) { a.Spec.ParentRef = nil }, Want: []string{required("spec.parentRef")}},
		{Name: "parent", Change: func(a *networkingv1.IPAddress) { a.Spec.ParentRef = &networkingv1.ParentReference{} }, Want: []string{required("spec.parentRef.resource"), required("spec.parentRef.name")}},
	})
	rulestest.UpdateCases(t, address, ValidateIPAddressUpdate, []rulestest.Case[networkingv1.IPAddress]{
		{Name: "parent", Change: func(a *networkingv1.IPAddress) { a.Spec.ParentRef.Name = "x" }, Want: []string{invalid("spec.parentRef")}},
	})
	cidr := func() *networkingv1.ServiceCIDR {
		return &networkingv1.ServiceCIDR{ObjectMeta: objectMeta("kubernetes", ""), Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"10.0.0.0/24"}}}
	}
	type c = rulestest.Case[networkingv1.ServiceCIDR]
	rulestest.Cases(t, cidr, ValidateServiceCIDR, []c{
		{Name: "none", Change: func(c *networkingv1.ServiceCIDR) { c.Spec.CIDRs = nil }, Want: []string{required("spec.cidrs")}},
		{Name: "one family", Change: func(c *networkingv1.ServiceCIDR) { c.Spec.CIDRs = append(c.Spec.CIDRs, "10.0.1.0/24") }, Want: []string{invalid("spec.cidrs")}},
		{Name: "host bits", Change: func(c *networkingv1.ServiceCIDR) { c.Spec.CIDRs = []string{"10.0.0.1/24"} }, Want: []string{invalid("spec.cidrs[0]")}},
	})
	rulestest.UpdateCases(t, cidr, ValidateServiceCIDRUpdate, []c{
		{Name: "second family", Change: func(c *networkingv1.ServiceCIDR) { c.Spec.CIDRs = append(c.Spec.CIDRs, "fd00::/112") }},
		{Name: "other", Change: func(c *networkingv1.ServiceCIDR) { c.Spec.CIDRs = []string{"10.0.1.0/24"} }, Want: []string{invalid("spec.cidrs")}},
	})
}
