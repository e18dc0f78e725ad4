package model

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Claims decides which Service has a Front that several want: the oldest, then the
// first by name. Cluster addresses and node ports are given out once by the API
// server; external and load balancer addresses are not.
//
// The zero value is ready to use. It is not safe for concurrent use.
type Claims struct {
	byFront map[Front][]claimant
	// byOwner has each Front once, however many ports of the Service want it; each of them has the Service among
	// its claimants.
	byOwner map[types.NamespacedName]map[Front]struct{}
}

type claimant struct {
	service types.NamespacedName
	created time.Time
}

func (c claimant) compare(other claimant) int {
	if order := c.created.Compare(other.created); order != 0 {
		return order
	}
	return strings.Compare(c.service.String(), other.service.String())
}

// Set replaces what a Service wants and returns the other Services that gained or
// lost a Front by it, sorted. A Front may be given more than once: a node port of
// one port can equal the number of another port at an external address of the node.
// No fronts: the Service is gone.
func (c *Claims) Set(service types.NamespacedName, created time.Time, fronts []Front) []types.NamespacedName {
	if c.byFront == nil {
		c.byFront, c.byOwner = map[Front][]claimant{}, map[types.NamespacedName]map[Front]struct{}{}
	}
	affected := map[types.NamespacedName]bool{}
	// Taking all out and putting them back also covers a Service that was deleted
	// and created again with another age.
	before := map[Front]types.NamespacedName{}
	for front := range c.byOwner[service] {
		before[front] = c.byFront[front][0].service
		c.remove(front, service)
	}
	delete(c.byOwner, service)
	wanted := map[Front]struct{}{}
	for _, front := range fronts {
		wanted[front] = struct{}{}
	}
	for front := range wanted {
		if list := c.byFront[front]; len(list) > 0 && !contains(before, front) {
			before[front] = list[0].service
		}
		c.insert(front, claimant{service: service, created: created})
	}
	if len(wanted) > 0 {
		c.byOwner[service] = wanted
	}
	for front, owner := range before {
		var now types.NamespacedName
		if list := c.byFront[front]; len(list) > 0 {
			now = list[0].service
		}
		if now != owner {
			affected[owner], affected[now] = true, true
		}
	}
	delete(affected, service)
	delete(affected, types.NamespacedName{})
	result := make([]types.NamespacedName, 0, len(affected))
	for name := range affected {
		result = append(result, name)
	}
	slices.SortFunc(result, func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	return result
}

func contains(m map[Front]types.NamespacedName, front Front) bool {
	_, ok := m[front]
	return ok
}

func (c *Claims) insert(front Front, who claimant) {
	list := c.byFront[front]
	if slices.ContainsFunc(list, func(other claimant) bool { return other.service == who.service }) {
		return
	}
	at, _ := slices.BinarySearchFunc(list, who, claimant.compare)
	c.byFront[front] = slices.Insert(list, at, who)
}

func (c *Claims) remove(front Front, service types.NamespacedName) {
	list := slices.DeleteFunc(c.byFront[front], func(other claimant) bool { return other.service == service })
	if len(list) == 0 {
		delete(c.byFront, front)
		return
	}
	c.byFront[front] = list
}

// Grant returns the ports without the exposures that belong to another Service or
// to an earlier port of the same one.
func (c *Claims) Grant(ports []ServicePort) []ServicePort {
	used := map[Front]bool{}
	granted := slices.Clone(ports)
	for i := range granted {
		granted[i].Exposures = slices.DeleteFunc(slices.Clone(granted[i].Exposures), func(e Exposure) bool {
			list := c.byFront[e.Front]
			if used[e.Front] || len(list) == 0 || list[0].service != granted[i].Name.Service {
				return true
			}
			used[e.Front] = true
			return false
		})
	}
	return granted
}

// Fronts lists all fronts of some ports.
func Fronts(ports []ServicePort) []Front {
	var fronts []Front
	for _, port := range ports {
		for _, exposure := range port.Exposures {
			fronts = append(fronts, exposure.Front)
		}
	}
	return fronts
}
