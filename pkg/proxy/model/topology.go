package model

import (
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// nearby narrows ready endpoints to those which the EndpointSlice controller meant
// for this node or, failing that, for its zone (KEP-2433, KEP-3015). Hints count
// only if every endpoint has one of that kind: during a change some slices may
// still lack them, and a partial set would overload few endpoints.
func nearby(ready []endpoint, node Node) []endpoint {
	forNode := func(e endpoint) bool {
		return slices.ContainsFunc(e.hints.ForNodes, func(hint discoveryv1.ForNode) bool { return hint.Name == node.Name })
	}
	forZone := func(e endpoint) bool {
		return slices.ContainsFunc(e.hints.ForZones, func(hint discoveryv1.ForZone) bool { return hint.Name == node.Zone })
	}
	if node.Name != "" && all(ready, func(e endpoint) bool { return len(e.hints.ForNodes) > 0 }) {
		if chosen := filter(ready, forNode); len(chosen) > 0 {
			return chosen
		}
	}
	if node.Zone != "" && all(ready, func(e endpoint) bool { return len(e.hints.ForZones) > 0 }) {
		if chosen := filter(ready, forZone); len(chosen) > 0 {
			return chosen
		}
	}
	return ready
}

func all(list []endpoint, holds func(endpoint) bool) bool {
	return !slices.ContainsFunc(list, func(e endpoint) bool { return !holds(e) })
}
