package nftables

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/proa-sh/proa/pkg/proxy/model"
	"sigs.k8s.io/knftables"
)

// element is one element of a set or, with a value, of a map.
type element struct {
	container, key, value string
}

func (e element) object() *knftables.Element {
	if e.value == "" {
		return &knftables.Element{Set: e.container, Key: []string{e.key}}
	}
	return &knftables.Element{Map: e.container, Key: []string{e.key}, Value: []string{e.value}}
}

// shared says whether several ports may need the same element, so that uses must be
// counted. Elements with a front in the key belong to one port only.
func (e element) shared() bool { return e.container == clusterIPs || e.container == hairpins }

// elements renders a port. Endpoints get their place in the list as index.
func elements(port *model.ServicePort) []element {
	all := make([]element, 0, 4*len(port.Exposures)+len(port.Any)+len(port.Local)+len(port.Loopers))
	for i := range port.Exposures {
		all = appendExposure(all, port, &port.Exposures[i])
	}
	if len(port.Exposures) > 0 {
		for _, addr := range port.Loopers {
			all = append(all, element{hairpins, addr.String() + " . " + addr.String(), ""})
		}
	}
	return all
}

func appendExposure(all []element, port *model.ServicePort, exposure *model.Exposure) []element {
	key := frontKey(exposure.Front)
	if exposure.Internal {
		all = append(all, element{clusterIPs, exposure.Front.Addr.String(), ""})
	}
	all = append(all, element{kindSet(exposure), key, ""})

	if exposure.Scope == model.LocalEndpoint && len(port.Local) == 0 {
		all = append(all, element{droppedFronts, key, ""})
	}
	for list, chosen := range choices(port, exposure) {
		all = appendEndpoints(all, list, exposure.Front, chosen)
	}
	if port.AffinityTimeout > 0 {
		all = append(all, element{affinitySet(port.AffinityTimeout), key, ""})
	}
	if len(exposure.SourceRanges) > 0 {
		all = append(all, element{firewalledFronts, key, ""})
		for _, prefix := range exposure.SourceRanges {
			all = append(all, element{sourceRanges, key + " . " + prefix.String(), ""})
		}
	}
	return all
}

func kindSet(exposure *model.Exposure) string {
	switch {
	case exposure.Internal:
		return clusterFronts
	case exposure.Scope == model.LocalForOutsiders:
		return localFronts
	}
	return externalFronts
}

// choices are the lists that a front is in, with its endpoints there.
func choices(port *model.ServicePort, exposure *model.Exposure) map[list][]netip.AddrPort {
	protocol := strings.ToLower(string(exposure.Front.Protocol))
	found := map[list][]netip.AddrPort{}
	switch exposure.Scope {
	case model.LocalEndpoint:
		found[list{protocol, false}] = port.Local
	case model.LocalForOutsiders:
		found[list{protocol, false}] = port.Any
		found[list{protocol, true}] = port.Local
	default:
		found[list{protocol, false}] = port.Any
	}
	return found
}

func appendEndpoints(all []element, l list, front model.Front, chosen []netip.AddrPort) []element {
	if len(chosen) == 0 {
		return all
	}
	key := front.Addr.String() + " . " + strconv.Itoa(int(front.Port))
	all = append(all, element{l.count(len(chosen)), key, ""})
	for i, endpoint := range chosen {
		all = append(all, element{l.endpoints(), key + " . " + strconv.Itoa(i), endpointValue(endpoint)})
	}
	return all
}

func frontKey(front model.Front) string {
	return front.Addr.String() + " . " + strings.ToLower(string(front.Protocol)) + " . " + strconv.Itoa(int(front.Port))
}

func endpointValue(endpoint netip.AddrPort) string {
	return endpoint.Addr().String() + " . " + strconv.Itoa(int(endpoint.Port()))
}

// counts calls found for every set of a list length that the port's elements need.
func counts(port *model.ServicePort, found func(count)) {
	for i := range port.Exposures {
		for l, chosen := range choices(port, &port.Exposures[i]) {
			if len(chosen) > 0 {
				found(count{l, len(chosen)})
			}
		}
	}
}
