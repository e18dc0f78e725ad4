package nftables

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/proa-sh/proa/pkg/proxy/model"
)

// Changes are ports to add or replace, and, as nil, to remove.
type Changes map[model.PortName]*model.ServicePort

// count is one length of a kind of lists.
type count struct {
	list
	k int
}

// state is what the kernel has, as of the last successful transaction. It is owned
// by the Table's mutex.
type state struct {
	ports    map[model.PortName]*model.ServicePort
	uses     map[element]int
	counts   map[count]bool
	timeouts map[time.Duration]bool
}

func newState() *state {
	return &state{
		ports:    map[model.PortName]*model.ServicePort{},
		uses:     map[element]int{},
		counts:   map[count]bool{},
		timeouts: map[time.Duration]bool{},
	}
}

// plan is the difference between a state and the wanted one.
type plan struct {
	ports       Changes
	newCounts   []count
	newTimeouts []time.Duration
	remove, add []element
	// uses are changes to the number of uses of shared elements.
	uses map[element]int
}

func (p *plan) empty() bool {
	return len(p.newCounts)+len(p.newTimeouts)+len(p.remove)+len(p.add) == 0
}

// planChanges compares the changes with the state and changes neither.
func planChanges(s *state, changes Changes) *plan {
	p := &plan{ports: make(Changes, len(changes)), uses: map[element]int{}}
	removed, added := map[element]bool{}, map[element]bool{}
	for name, wanted := range changes {
		p.planPort(s.ports[name], name, wanted, removed, added)
		if aligned := p.ports[name]; aligned != nil {
			p.need(s, aligned)
		}
	}
	for e, delta := range p.uses {
		switch before := s.uses[e]; {
		case before == 0 && before+delta > 0:
			added[e] = true
		case before > 0 && before+delta == 0:
			removed[e] = true
		}
	}
	// What was there and stays, maybe for another port.
	for e := range removed {
		if added[e] {
			delete(removed, e)
			delete(added, e)
		}
	}
	p.remove, p.add = sorted(removed), sorted(added)
	slices.SortFunc(p.newCounts, func(a, b count) int {
		return cmp.Or(cmp.Compare(a.prefix(), b.prefix()), cmp.Compare(a.k, b.k))
	})
	slices.Sort(p.newTimeouts)
	return p
}

// planPort collects what one port had and what it shall have.
func (p *plan) planPort(old *model.ServicePort, name model.PortName, wanted *model.ServicePort, removed, added map[element]bool) {
	if old != nil {
		for _, e := range elements(old) {
			if e.shared() {
				p.uses[e]--
			} else {
				removed[e] = true
			}
		}
	}
	p.ports[name] = nil
	if wanted == nil {
		return
	}
	aligned := *wanted
	if old != nil {
		aligned.Any, aligned.Local = align(old.Any, wanted.Any), align(old.Local, wanted.Local)
	}
	p.ports[name] = &aligned
	for _, e := range elements(&aligned) {
		if e.shared() {
			p.uses[e]++
		} else {
			added[e] = true
		}
	}
}

// need notes sets that the port is the first to refer to.
func (p *plan) need(s *state, port *model.ServicePort) {
	counts(port, func(c count) {
		if !s.counts[c] && !slices.Contains(p.newCounts, c) {
			p.newCounts = append(p.newCounts, c)
		}
	})
	if t := port.AffinityTimeout; t > 0 && !s.timeouts[t] && !slices.Contains(p.newTimeouts, t) {
		p.newTimeouts = append(p.newTimeouts, t)
	}
}

// commit makes the plan the state.
func (s *state) commit(p *plan) {
	for name, port := range p.ports {
		if port == nil {
			delete(s.ports, name)
		} else {
			s.ports[name] = port
		}
	}
	for e, delta := range p.uses {
		if s.uses[e] += delta; s.uses[e] == 0 {
			delete(s.uses, e)
		}
	}
	for _, c := range p.newCounts {
		s.counts[c] = true
	}
	for _, t := range p.newTimeouts {
		s.timeouts[t] = true
	}
}

// align orders the wanted endpoints so that as many as possible keep the index they
// have: one endpoint more or less changes one or two elements, however long the list.
func align(old, wanted []netip.AddrPort) []netip.AddrPort {
	if slices.Equal(old, wanted) {
		return old
	}
	index := make(map[netip.AddrPort]int, len(old))
	for i, endpoint := range old {
		if i < len(wanted) {
			index[endpoint] = i
		}
	}
	result := make([]netip.AddrPort, len(wanted))
	var movers []netip.AddrPort
	for _, endpoint := range wanted {
		if i, ok := index[endpoint]; ok {
			result[i] = endpoint
		} else {
			movers = append(movers, endpoint)
		}
	}
	for i := range result {
		if !result[i].IsValid() {
			result[i], movers = movers[0], movers[1:]
		}
	}
	return result
}

func sorted(set map[element]bool) []element {
	list := make([]element, 0, len(set))
	for e := range set {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b element) int {
		return cmp.Or(cmp.Compare(a.container, b.container), cmp.Compare(a.key, b.key), cmp.Compare(a.value, b.value))
	})
	return list
}
