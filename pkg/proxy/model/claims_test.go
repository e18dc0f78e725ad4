package model

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

func name(text string) types.NamespacedName { return types.NamespacedName{Namespace: "ns", Name: text} }

func front(port uint16) Front {
	return Front{Addr: netip.MustParseAddr("198.51.100.1"), Protocol: corev1.ProtocolTCP, Port: port}
}

func TestClaims(t *testing.T) {
	var claims Claims
	for _, step := range []struct {
		what     string
		service  string
		created  int64
		ports    []uint16
		affected []types.NamespacedName
		// owners of port 1 and 2 afterwards.
		owners [2]string
	}{
		{what: "first comes", service: "b", created: 5, ports: []uint16{1, 2}, owners: [2]string{"b", "b"}},
		{what: "younger has to wait", service: "c", created: 6, ports: []uint16{1}, owners: [2]string{"b", "b"}},
		{what: "older takes over", service: "d", created: 4, ports: []uint16{2}, affected: []types.NamespacedName{name("b")}, owners: [2]string{"b", "d"}},
		{what: "same age goes by name", service: "a", created: 5, ports: []uint16{1}, affected: []types.NamespacedName{name("b")}, owners: [2]string{"a", "d"}},
		{what: "nothing changes", service: "a", created: 5, ports: []uint16{1}, owners: [2]string{"a", "d"}},
		{what: "owner gives one up", service: "a", created: 5, ports: []uint16{3}, affected: []types.NamespacedName{name("b")}, owners: [2]string{"b", "d"}},
		{what: "owner goes", service: "b", affected: []types.NamespacedName{name("c")}, owners: [2]string{"c", "d"}},
		{what: "last one goes", service: "c", owners: [2]string{"", "d"}},
		{what: "one front twice", service: "e", created: 7, ports: []uint16{1, 1}, owners: [2]string{"e", "d"}},
		{what: "still twice", service: "e", created: 7, ports: []uint16{1, 2, 1}, owners: [2]string{"e", "d"}},
		{what: "once", service: "e", created: 7, ports: []uint16{1}, owners: [2]string{"e", "d"}},
		{what: "twice goes", service: "e", owners: [2]string{"", "d"}},
		{what: "made again, now younger", service: "d", created: 9, ports: []uint16{2}, owners: [2]string{"", "d"}},
	} {
		var fronts []Front
		for _, port := range step.ports {
			fronts = append(fronts, front(port))
		}
		affected := claims.Set(name(step.service), time.Unix(step.created, 0), fronts)
		if diff := cmp.Diff(step.affected, affected, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: affected (-want +got):\n%s", step.what, diff)
		}
		for i, want := range step.owners {
			owner := ""
			for _, candidate := range []string{"a", "b", "c", "d", "e"} {
				ports := []ServicePort{{Name: PortName{Service: name(candidate)}, Exposures: []Exposure{{Front: front(uint16(i + 1))}}}}
				if granted := claims.Grant(ports); len(granted[0].Exposures) == 1 {
					owner += candidate
				}
			}
			if owner != want {
				t.Errorf("%s: port %d belongs to %q, want %q", step.what, i+1, owner, want)
			}
		}
	}
}

func TestGrantGivesAFrontToOnePortOnly(t *testing.T) {
	var claims Claims
	claims.Set(name("a"), time.Time{}, []Front{front(1)})
	ports := []ServicePort{
		{Name: PortName{Service: name("a"), Port: "x"}, Exposures: []Exposure{{Front: front(1)}}},
		{Name: PortName{Service: name("a"), Port: "y"}, Exposures: []Exposure{{Front: front(1)}}},
	}
	granted := claims.Grant(ports)
	if len(granted[0].Exposures) != 1 || len(granted[1].Exposures) != 0 {
		t.Errorf("got %v", granted)
	}
	if len(ports[1].Exposures) != 1 {
		t.Error("Grant changed its argument")
	}
}
