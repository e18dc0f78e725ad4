package discovery

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func valid() *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: "s", Namespace: "ns", ResourceVersion: "1"}, AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"1.2.3.4"}}}, Ports: []discoveryv1.EndpointPort{{Port: ptr.To[int32](80)}}}
	SetEndpointSliceDefaults(s)
	return s
}

func TestEndpointSlices(t *testing.T) {
	if p := valid().Ports[0]; *p.Name != "" || *p.Protocol != v1.ProtocolTCP {
		t.Errorf("defaults give %+v", p)
	}
	type c = rulestest.Case[discoveryv1.EndpointSlice]
	endpoint := func(change func(*discoveryv1.Endpoint)) func(*discoveryv1.EndpointSlice) {
		return func(s *discoveryv1.EndpointSlice) { change(&s.Endpoints[0]) }
	}
	const e = "endpoints[0]."
	rulestest.Cases(t, valid, ValidateEndpointSlice, []c{
		{Name: "type", Change: func(s *discoveryv1.EndpointSlice) { s.AddressType = "x" }, Want: []string{rulestest.NotSupported("addressType")}},
		{Name: "no address", Change: endpoint(func(e *discoveryv1.Endpoint) { e.Addresses = nil }), Want: []string{rulestest.Required(e + "addresses")}},
		{Name: "other family", Change: endpoint(func(e *discoveryv1.Endpoint) { e.Addresses = []string{"fd00::1"} }), Want: []string{rulestest.Invalid(e + "addresses[0]")}},
		{Name: "loopback", Change: endpoint(func(e *discoveryv1.Endpoint) { e.Addresses = []string{"127.0.0.1"} }), Want: []string{rulestest.Invalid(e + "addresses[0]")}},
		{Name: "names", Change: func(s *discoveryv1.EndpointSlice) {
			s.AddressType, s.Endpoints[0].Addresses = discoveryv1.AddressTypeFQDN, []string{"example.com", "x"}
		}, Want: []string{rulestest.Invalid(e + "addresses[1]")}},
		{Name: "hostname", Change: endpoint(func(e *discoveryv1.Endpoint) { e.Hostname, e.NodeName = ptr.To("A"), ptr.To("A") }), Want: []string{rulestest.Invalid(e + "hostname"), rulestest.Invalid(e + "nodeName")}},
		{Name: "topology", Change: endpoint(func(e *discoveryv1.Endpoint) { e.DeprecatedTopology = map[string]string{v1.LabelHostname: "a"} }), Want: []string{rulestest.Invalid(e + "deprecatedTopology[kubernetes.io/hostname]")}},
		{Name: "hints", Change: endpoint(func(e *discoveryv1.Endpoint) {
			e.Hints = &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: "a"}, {Name: "a"}}, ForNodes: []discoveryv1.ForNode{{Name: "A"}}}
		}), Want: []string{rulestest.Duplicate(e + "hints.forZones[1].name"), rulestest.Invalid(e + "hints.forNodes[0].name")}},
		{Name: "too many", Change: func(s *discoveryv1.EndpointSlice) { s.Endpoints = make([]discoveryv1.Endpoint, 1001) }, Want: []string{rulestest.TooMany("endpoints")}},
		{Name: "ports", Change: func(s *discoveryv1.EndpointSlice) {
			s.Ports = []discoveryv1.EndpointPort{{Name: ptr.To("A")}, {Name: ptr.To("a"), Protocol: ptr.To(v1.Protocol("x"))}, {Name: ptr.To("a"), Protocol: ptr.To(v1.ProtocolTCP)}}
		}, Want: []string{rulestest.Invalid("ports[0].name"), rulestest.Required("ports[0].protocol"), rulestest.NotSupported("ports[1].protocol"), rulestest.Duplicate("ports[2].name")}},
	})
	rulestest.UpdateCases(t, valid, ValidateEndpointSliceUpdate, []c{
		{Name: "type", Change: func(s *discoveryv1.EndpointSlice) { s.AddressType, s.Endpoints = discoveryv1.AddressTypeFQDN, nil }, Want: []string{rulestest.Invalid("addressType")}},
	})
}
