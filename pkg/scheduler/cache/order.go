package cache

import (
	v1 "k8s.io/api/core/v1"
)

// nodeOrder is the order in which nodes are looked at: in turn one of each zone, so that any run of neighbours in it is
// spread over the zones. A cycle that stops looking after some nodes then still sees all zones.
type nodeOrder struct {
	zones []string
	nodes map[string][]string
	count int
	// changed is true after a node came, went or moved to another zone.
	changed bool
}

func newNodeOrder() nodeOrder {
	return nodeOrder{nodes: map[string][]string{}}
}

func zoneOf(node *v1.Node) string {
	return node.Labels[v1.LabelTopologyRegion] + "\x00" + node.Labels[v1.LabelTopologyZone]
}

func (o *nodeOrder) len() int { return o.count }

// set records a node; old is its former object or nil.
func (o *nodeOrder) set(old, node *v1.Node) {
	if old != nil {
		if zoneOf(old) == zoneOf(node) {
			return
		}
		o.remove(old)
	}
	zone := zoneOf(node)
	if len(o.nodes[zone]) == 0 {
		o.zones = append(o.zones, zone)
	}
	o.nodes[zone] = append(o.nodes[zone], node.Name)
	o.count++
	o.changed = true
}

func (o *nodeOrder) remove(node *v1.Node) {
	zone := zoneOf(node)
	names := o.nodes[zone]
	for i, name := range names {
		if name != node.Name {
			continue
		}
		o.nodes[zone] = append(names[:i:i], names[i+1:]...)
		o.count--
		o.changed = true
		break
	}
	if len(o.nodes[zone]) > 0 {
		return
	}
	delete(o.nodes, zone)
	for i, z := range o.zones {
		if z == zone {
			o.zones = append(o.zones[:i:i], o.zones[i+1:]...)
			return
		}
	}
}

// list is the names of all nodes in order.
func (o *nodeOrder) list() []string {
	names := make([]string, 0, o.count)
	for round := 0; len(names) < o.count; round++ {
		for _, zone := range o.zones {
			if round < len(o.nodes[zone]) {
				names = append(names, o.nodes[zone][round])
			}
		}
	}
	return names
}
