package nodelifecycle

import (
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
)

func TestRate(t *testing.T) {
	s := Settings{EvictionRate: 0.1, SecondaryEvictionRate: 0.01, LargeZone: 50, UnhealthyZone: 0.55}
	tests := []struct {
		name string
		zone census
		want float32
	}{
		{"healthy", census{ready: 9, lost: 1}, 0.1},
		{"two of two of a small zone", census{ready: 1, lost: 2}, 0.1},
		{"unhealthy and small", census{ready: 2, lost: 8}, 0},
		{"unhealthy and large", census{ready: 20, lost: 80}, 0.01},
		{"lost altogether", census{lost: 10}, 0.1},
	}
	for _, test := range tests {
		if got := s.rate(test.zone); got != test.want {
			t.Errorf("%s: rate %v, want %v", test.name, got, test.want)
		}
	}
}

func TestPace(t *testing.T) {
	p := pace{last: map[string]time.Time{}}
	if left, ok := p.wait("a", 0.1, start); left != 0 || !ok {
		t.Errorf("first: wait %v %v", left, ok)
	}
	p.used("a", start)
	if left, ok := p.wait("a", 0.1, start.Add(4*time.Second)); left != 6*time.Second || !ok {
		t.Errorf("after 4 s: wait %v %v, want 6s", left, ok)
	}
	if left, ok := p.wait("b", 0.1, start); left != 0 || !ok {
		t.Errorf("another zone: wait %v %v", left, ok)
	}
	if _, ok := p.wait("b", 0, start); ok {
		t.Error("a zone without rate may go on")
	}
}

func TestCensus(t *testing.T) {
	a, b, c := newNode("a", "Ready=True"), newNode("b", "Ready=Unknown"), newNode("c")
	c.Labels = map[string]string{v1.LabelTopologyZone: "z"}
	zones := count([]*v1.Node{a, b, c})
	if zones[zoneOf(a)] != (census{1, 1}) || zones[zoneOf(c)] != (census{0, 1}) || allLost(zones) {
		t.Errorf("zones %v, all lost %v", zones, allLost(zones))
	}
	if zones := count([]*v1.Node{b, c}); !allLost(zones) {
		t.Errorf("zones %v are not all lost", zones)
	}
	if allLost(nil) {
		t.Error("no nodes are all lost")
	}
}
