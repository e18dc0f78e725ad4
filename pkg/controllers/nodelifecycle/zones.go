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

// count makes the census of all zones.
func count(all []*v1.Node) map[string]census {
	zones := map[string]census{}
	for _, node := range all {
		c := zones[zoneOf(node)]
		if readiness(node) == v1.ConditionTrue {
			c.ready++
		} else {
			c.lost++
		}
		zones[zoneOf(node)] = c
	}
	return zones
}

// allLost says whether no node of any zone is ready.
func allLost(zones map[string]census) bool {
	for _, c := range zones {
		if c.ready > 0 {
			return false
		}
	}
	return len(zones) > 0
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
	last map[string]time.Time // guarded by mu
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
