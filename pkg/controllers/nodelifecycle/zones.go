package nodelifecycle

import (
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
)

// Settings say when a node counts as lost, and how fast pods are driven away.
type Settings struct {
	// MonitorGrace is how long a node may be silent, StartupGrace how long one may that has never spoken.
	MonitorGrace, StartupGrace time.Duration
	// EvictionRate is how many nodes a second are tainted in a healthy zone, SecondaryEvictionRate in an unhealthy one.
	EvictionRate, SecondaryEvictionRate float32
	// LargeZone is the number of nodes above which SecondaryEvictionRate applies; in smaller unhealthy zones tainting
	// stops.
	LargeZone int
	// UnhealthyZone is the share of lost nodes from which on a zone is unhealthy.
	UnhealthyZone float32
}

// census counts the nodes of a zone.
type census struct{ ready, lost int }

// zoneOf names the failure domain of a node; nodes without labels are in one together.
func zoneOf(node *v1.Node) string {
	return node.Labels[v1.LabelTopologyRegion] + "\x00" + node.Labels[v1.LabelTopologyZone]
}

// place is what the census knows of a node.
type place struct {
	zone  string
	ready bool
}

func placeOf(node *v1.Node) place { return place{zoneOf(node), readiness(node) == v1.ConditionTrue} }

// zones keeps the census of all zones by the events of nodes.
type zones struct {
	settings Settings

	mu     sync.Mutex
	nodes  map[string]place  // guarded by mu; one per node
	census map[string]census // guarded by mu; of zones that have nodes
	ready  int               // guarded by mu; nodes of all zones
}

func newZones(settings Settings) *zones {
	return &zones{settings: settings, nodes: map[string]place{}, census: map[string]census{}}
}

// set notes where a node is and how it fares, and returns the lost nodes that this concerns: all when the last ready node
// of all zones is lost or the first has come back, those of a zone whose rate has become another.
func (z *zones) set(name string, now place) []string { return z.change(name, &now) }

// remove is set for a node that has gone.
func (z *zones) remove(name string) []string { return z.change(name, nil) }

func (z *zones) change(name string, now *place) []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	old, known := z.nodes[name]
	if now != nil && known && *now == old {
		return nil
	}
	rates, suspended := map[string]float32{}, z.suspended()
	if known {
		rates[old.zone] = z.settings.rate(z.census[old.zone])
	}
	if now != nil {
		rates[now.zone] = z.settings.rate(z.census[now.zone])
	}
	if known {
		z.add(old, -1)
		delete(z.nodes, name)
	}
	if now != nil {
		z.add(*now, 1)
		z.nodes[name] = *now
	}
	for zone, rate := range rates {
		if z.settings.rate(z.census[zone]) == rate {
			delete(rates, zone)
		}
	}
	return z.lost(rates, suspended != z.suspended())
}

// add counts a node in or out. mu is held.
func (z *zones) add(p place, n int) {
	c := z.census[p.zone]
	if p.ready {
		c.ready += n
		z.ready += n
	} else {
		c.lost += n
	}
	z.census[p.zone] = c
	if c == (census{}) {
		delete(z.census, p.zone)
	}
}

// lost are the nodes that are not ready, of some zones or of all. mu is held.
func (z *zones) lost(of map[string]float32, all bool) []string {
	if len(of) == 0 && !all {
		return nil
	}
	var names []string
	for name, p := range z.nodes {
		if _, concerned := of[p.zone]; !p.ready && (all || concerned) {
			names = append(names, name)
		}
	}
	return names
}

// suspended says whether no node of any zone is ready. mu is held.
func (z *zones) suspended() bool { return z.ready == 0 && len(z.nodes) > 0 }

// look returns the rate of a zone, and whether no node of any zone is ready.
func (z *zones) look(zone string) (rate float32, suspended bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.settings.rate(z.census[zone]), z.suspended()
}

// empty says whether a zone has no nodes.
func (z *zones) empty(zone string) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.census[zone] == census{}
}

// rate is how many nodes a second may be tainted in a zone.
func (s Settings) rate(c census) float32 {
	total := c.ready + c.lost
	switch {
	case c.ready == 0 && c.lost > 0:
		return s.EvictionRate // the zone is lost, others live: its pods shall move there
	case c.lost > 2 && float32(c.lost)/float32(total) >= s.UnhealthyZone:
		if total > s.LargeZone {
			return s.SecondaryEvictionRate
		}
		return 0
	default:
		return s.EvictionRate
	}
}

// pace remembers when zones were last tainted.
type pace struct {
	mu   sync.Mutex
	last map[string]time.Time // guarded by mu; of zones that have nodes
}

// wait is how long a zone with this rate must wait; ok is false when it must wait for its nodes to recover.
func (p *pace) wait(zone string, rate float32, now time.Time) (left time.Duration, ok bool) {
	if rate <= 0 {
		return 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	last, found := p.last[zone]
	if !found {
		return 0, true
	}
	return max(last.Add(time.Duration(float32(time.Second)/rate)).Sub(now), 0), true
}

// used notes that a node of the zone was tainted.
func (p *pace) used(zone string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[zone] = now
}

// forget drops a zone that has no nodes any more.
func (p *pace) forget(zone string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.last, zone)
}
