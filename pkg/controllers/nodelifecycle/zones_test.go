package nodelifecycle

import (
	"slices"
	"strings"
	"testing"
	"time"
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

// Nodes come, fall silent, move and go. Lost nodes are woken when what they wait for has changed, and by nothing else.
func TestZones(t *testing.T) {
	z := newZones(Settings{EvictionRate: 1, SecondaryEvictionRate: 0.5, LargeZone: 50, UnhealthyZone: 0.55})
	for _, step := range []struct {
		name, zone string // zone "" means that the node goes
		ready      bool
		wakes      string
		rate       float32 // of zone x
		suspended  bool
	}{
		{"a", "x", false, "a", 1, true},
		{"b", "x", true, "a", 1, false},
		{"b", "x", true, "", 1, false},
		{"c", "x", true, "", 1, false},
		{"c", "x", false, "", 1, false},
		{"d", "x", false, "a c d", 0, false}, // three of four: the zone is unhealthy and small
		{"e", "y", true, "", 0, false},
		{"f", "x", true, "", 0, false},
		{"g", "x", true, "a c d", 1, false},
		{"g", "y", true, "a c d", 0, false}, // moved
		{"b", "x", false, "", 0, false},
		{"f", "x", false, "a b c d f", 1, false}, // the zone is lost, others live
		{"g", "", false, "", 1, false},
		{"e", "", false, "a b c d f", 1, true}, // none is left
		{"a", "", false, "", 1, true},
	} {
		var woken []string
		if step.zone == "" {
			woken = z.remove(step.name)
		} else {
			woken = z.set(step.name, place{step.zone, step.ready})
		}
		slices.Sort(woken)
		rate, suspended := z.look("x")
		if got := strings.Join(woken, " "); got != step.wakes || rate != step.rate || suspended != step.suspended {
			t.Errorf("%+v: woken %q, rate %v, suspended %v", step, got, rate, suspended)
		}
	}
	for _, name := range []string{"b", "c", "d", "f"} {
		z.remove(name)
	}
	if !z.empty("x") || len(z.census)+len(z.nodes)+z.ready != 0 {
		t.Errorf("left of no nodes: %+v", z)
	}
}
