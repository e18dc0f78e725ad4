package nftables

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/knftables"
)

// Check says whether the kernel's table still has all sets, maps, chains and rules
// that were committed; with deep set, also all elements, which takes a while where
// there are many. It finds nothing wrong while the state is not known, because then
// a Resync is due anyway.
func (t *Table) Check(ctx context.Context, deep bool) (damage string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.committed == nil {
		return "", nil
	}
	existing, err := t.nft.ListAll(ctx)
	if isMissing(err) {
		return "table is gone", nil
	}
	if err != nil {
		return "", fmt.Errorf("list nftables table %s of %s: %w", t.name(), t.family, err)
	}
	wanted := t.inventory()
	for _, kind := range []string{"chain", "set", "map"} {
		for _, name := range wanted.names[kind] {
			if !slices.Contains(existing[kind], name) {
				return fmt.Sprintf("%s %q is gone", kind, name), nil
			}
		}
	}
	found, err := countRules(t.family, t.name())
	if err != nil {
		return "", fmt.Errorf("list rules of nftables table %s of %s: %w", t.name(), t.family, err)
	}
	for _, chain := range wanted.names["chain"] {
		if found[chain] != wanted.rules[chain] {
			return fmt.Sprintf("chain %q has %d rules instead of %d", chain, found[chain], wanted.rules[chain]), nil
		}
	}
	if !deep {
		return "", nil
	}
	return t.checkElements(ctx, wanted)
}

// inventory is what the table has to contain.
type inventory struct {
	// names of the objects of a kind, number of rules of a chain.
	names map[string][]string
	rules map[string]int
}

func (t *Table) inventory() inventory {
	inv := inventory{names: map[string][]string{}, rules: map[string]int{}}
	note := func(objects ...object) {
		for _, o := range objects {
			switch o := o.(type) {
			case *knftables.Set:
				inv.names["set"] = append(inv.names["set"], o.Name)
			case *knftables.Map:
				inv.names["map"] = append(inv.names["map"], o.Name)
			case *knftables.Chain:
				inv.names["chain"] = append(inv.names["chain"], o.Name)
			case *knftables.Rule:
				inv.rules[o.Chain]++
			}
		}
	}
	note(fixedSets(t.family)...)
	note(fixedChains()...)
	for _, rule := range fixedRules(t.family, t.options) {
		note(rule)
	}
	for c := range t.committed.counts {
		set, rule := countObjects(t.family, c)
		note(set, rule)
	}
	for timeout := range t.committed.timeouts {
		set, rule := affinityObjects(t.family, timeout)
		note(set, rule)
	}
	return inv
}

// checkElements compares the elements of all sets and maps but those the kernel
// fills itself and those with prefixes, which nft may print in another form.
func (t *Table) checkElements(ctx context.Context, inv inventory) (string, error) {
	wanted := map[string]int{}
	have := map[element]bool{}
	for _, port := range t.committed.ports {
		for _, e := range elements(port) {
			if !have[e] {
				have[e] = true
				wanted[e.container]++
			}
		}
	}
	for _, kind := range []string{"set", "map"} {
		for _, name := range inv.names[kind] {
			if name == affinity || name == sourceRanges || name == podSources {
				continue
			}
			found, err := t.nft.ListElements(ctx, kind, name)
			if err != nil {
				return "", fmt.Errorf("list elements of nftables table %s of %s: %w", t.name(), t.family, err)
			}
			if len(found) != wanted[name] {
				return fmt.Sprintf("%s %q has %d elements instead of %d", kind, name, len(found), wanted[name]), nil
			}
			for _, e := range found {
				if !have[element{name, join(e.Key), join(e.Value)}] {
					return fmt.Sprintf("%s %q has a foreign element %q", kind, name, join(e.Key)), nil
				}
			}
		}
	}
	return "", nil
}
