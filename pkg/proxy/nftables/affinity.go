package nftables

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/proa-sh/proa/pkg/proxy/model"
	"sigs.k8s.io/knftables"
)

// keepers says which remembered endpoints of which fronts may stay, both as written
// in the table. A front without endpoints loses all its clients.
type keepers struct {
	fronts map[string]map[string]bool
	// all is set when fronts that are not listed lose their clients too.
	all bool
}

// staleClients finds the fronts that lose an endpoint, or their affinity, by a plan
// that is not committed yet. A front that changes its scope or its port starts anew.
func staleClients(s *state, p *plan) keepers {
	stale := keepers{fronts: map[string]map[string]bool{}}
	for name, now := range p.ports {
		old := s.ports[name]
		if old == nil || old.AffinityTimeout == 0 {
			continue
		}
		had, kept := values(old), map[string]bool{}
		if now != nil && now.AffinityTimeout > 0 {
			kept = values(now)
		}
		for i := range old.Exposures {
			switch exposure := &old.Exposures[i]; {
			case !exposed(now, exposure):
				stale.fronts[frontKey(exposure.Front)] = nil
			case !includes(kept, had):
				stale.fronts[frontKey(exposure.Front)] = kept
			}
		}
	}
	return stale
}

func exposed(port *model.ServicePort, wanted *model.Exposure) bool {
	return port != nil && slices.ContainsFunc(port.Exposures, func(e model.Exposure) bool {
		return e.Front == wanted.Front && e.Scope == wanted.Scope
	})
}

func includes(all, some map[string]bool) bool {
	for value := range some {
		if !all[value] {
			return false
		}
	}
	return true
}

// liveClients lists all fronts with affinity.
func liveClients(s *state) keepers {
	live := keepers{fronts: map[string]map[string]bool{}, all: true}
	for _, port := range s.ports {
		if port.AffinityTimeout > 0 {
			kept := values(port)
			for i := range port.Exposures {
				live.fronts[frontKey(port.Exposures[i].Front)] = kept
			}
		}
	}
	return live
}

func (k keepers) keeps(front, endpoint string) bool {
	kept, listed := k.fronts[front]
	if !listed {
		return !k.all
	}
	return kept[endpoint]
}

func values(port *model.ServicePort) map[string]bool {
	found := make(map[string]bool, len(port.Any)+len(port.Local))
	for _, list := range [][]netip.AddrPort{port.Any, port.Local} {
		for _, endpoint := range list {
			found[endpointValue(endpoint)] = true
		}
	}
	return found
}

// forgetAttempts bounds how often clients are listed again because one of them
// timed out between being listed and being deleted.
const forgetAttempts = 5

// forgetClients deletes remembered clients of endpoints that are gone: the rules
// would still send them there. It comes after the endpoints are out of the picking
// rules, so that no client is sent back in between.
func (t *Table) forgetClients(ctx context.Context, keep keepers) error {
	if len(keep.fronts) == 0 && !keep.all {
		return nil
	}
	var err error
	for range forgetAttempts {
		if err = t.forgetOnce(ctx, keep); !knftables.IsNotFound(err) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("forget clients of removed endpoints in nftables table %s of %s: %w", t.name(), t.family, err)
	}
	return nil
}

func (t *Table) forgetOnce(ctx context.Context, keep keepers) error {
	clients, err := t.nft.ListElements(ctx, "map", affinity)
	if err != nil {
		return err
	}
	tx := t.nft.NewTransaction()
	for _, client := range clients {
		key := join(client.Key)
		_, front, ok := strings.Cut(key, " . ")
		if ok && !keep.keeps(front, join(client.Value)) {
			tx.Delete(&knftables.Element{Map: affinity, Key: []string{key}})
		}
	}
	if tx.NumOperations() == 0 {
		return nil
	}
	return t.nft.Run(ctx, tx)
}

// join writes a key or value of several parts as nft does.
func join(parts []string) string { return strings.Join(parts, " . ") }
