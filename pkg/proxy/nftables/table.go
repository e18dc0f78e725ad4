package nftables

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"github.com/proa-sh/proa/pkg/proxy/model"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/knftables"
)

// Table is the kernel table of one address family.
type Table struct {
	family  corev1.IPFamily
	options Options
	nft     knftables.Interface
	// socket is for what nft cannot do (addRememberRules6) and for what it does
	// slowly (changeElements). Nil in tests without a kernel: then nft does all but
	// the first. Guarded by mu.
	socket *netfilterSocket

	mu sync.Mutex
	// committed is nil as long as the kernel's state is not known: before the first
	// Resync and after a failed transaction. Guarded by mu, as podSources.
	committed  *state
	podSources []netip.Prefix
}

// New returns the table of a family without touching the kernel's. The nft binary
// must be there and the process allowed to use it in its network namespace.
func New(family corev1.IPFamily, options Options) (*Table, error) {
	// By netlink it lists names without reading all elements first, as nft does.
	nft, err := knftables.New(nftFamily(family), options.tableName(), knftables.UseNetlink)
	if err != nil {
		return nil, fmt.Errorf("use nftables for %s: %w", family, err)
	}
	return &Table{family: family, options: options, nft: nft, socket: &netfilterSocket{}}, nil
}

func (t *Table) name() string { return t.options.tableName() }

// ErrUnknownState says that the difference to the kernel's state is not known, so
// that Resync has to come first.
var ErrUnknownState = errors.New("state of the nftables table is not known")

// Apply writes changes to the kernel in one transaction, and keeps them: the caller must
// not change them any more. After an error the kernel
// has what it had, and everything has to be written by Resync.
func (t *Table) Apply(ctx context.Context, changes Changes) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.committed == nil {
		return ErrUnknownState
	}
	p := planChanges(t.committed, changes)
	if !p.empty() {
		if err := t.change(ctx, p); err != nil {
			t.committed = nil
			return fmt.Errorf("change nftables table %s of %s (%d elements added, %d removed): %w",
				t.name(), t.family, len(p.add), len(p.remove), err)
		}
		klog.FromContext(ctx).V(4).Info("Changed nftables table", "family", t.family, "ports", len(p.ports),
			"added", len(p.add), "removed", len(p.remove))
	}
	stale := staleClients(t.committed, p)
	t.committed.commit(p)
	if err := t.forgetClients(ctx, stale); err != nil {
		t.committed = nil
		return err
	}
	return nil
}

// change writes the difference to what the kernel has.
func (t *Table) change(ctx context.Context, p *plan) error {
	if t.socket != nil && p.direct() {
		return changeElements(t.family, t.name(), t.socket, p)
	}
	tx := t.nft.NewTransaction()
	t.write(tx, p)
	return t.run(ctx, tx, p)
}

// Resync writes everything in one transaction, whatever was there. Clients keep
// their affinity as far as their endpoints are still there.
func (t *Table) Resync(ctx context.Context, ports []model.ServicePort) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	changes := make(Changes, len(ports))
	for i := range ports {
		changes[ports[i].Name] = &ports[i]
	}
	fresh := newState()
	p := planChanges(fresh, changes)
	t.committed = nil
	if err := t.rewrite(ctx, p); err != nil {
		return fmt.Errorf("write nftables table %s of %s: %w", t.name(), t.family, err)
	}
	fresh.commit(p)
	if err := t.forgetClients(ctx, liveClients(fresh)); err != nil {
		return err
	}
	t.committed = fresh
	klog.FromContext(ctx).V(2).Info("Wrote nftables table", "family", t.family, "ports", len(ports), "elements", len(p.add))
	return nil
}

// rewrite first tries to keep the table and empty it, which keeps the affinity of
// clients; a table of another layout is replaced.
func (t *Table) rewrite(ctx context.Context, p *plan) error {
	keep, err := t.emptied(ctx)
	if err == nil {
		t.writeAll(keep, p)
		if err = t.run(ctx, keep, p); err == nil {
			return nil
		}
	}
	klog.FromContext(ctx).V(2).Info("Replacing nftables table", "family", t.family, "reason", err)
	replace := t.nft.NewTransaction()
	replace.Add(&knftables.Table{})
	replace.Delete(&knftables.Table{})
	t.writeAll(replace, p)
	return t.run(ctx, replace, p)
}

// run commits the transaction of a plan.
func (t *Table) run(ctx context.Context, tx *knftables.Transaction, p *plan) error {
	if err := t.nft.Run(ctx, tx); err != nil {
		return err
	}
	if t.family == corev1.IPv6Protocol && len(p.newTimeouts) > 0 && t.socket != nil {
		return addRememberRules6(t.name(), t.socket, p.newTimeouts)
	}
	return nil
}

// emptied starts a transaction that leaves a table of this layout without elements,
// rules and sets made on demand.
func (t *Table) emptied(ctx context.Context) (*knftables.Transaction, error) {
	tx := t.nft.NewTransaction()
	existing, err := t.nft.ListAll(ctx)
	if isMissing(err) {
		return tx, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list table: %w", err)
	}
	for _, chain := range existing["chain"] {
		tx.Flush(&knftables.Chain{Name: chain})
	}
	for _, name := range existing["map"] {
		if name != affinity {
			tx.Flush(&knftables.Map{Name: name})
		}
	}
	for _, name := range existing["set"] {
		if strings.HasPrefix(name, anonymous) {
			continue
		}
		tx.Flush(&knftables.Set{Name: name})
		if onDemand(name) {
			tx.Delete(&knftables.Set{Name: name})
		}
	}
	return tx, nil
}

// anonymous starts the names of sets that the kernel makes for rules and that go with
// them.
const anonymous = "__"

// isMissing says whether an error of listing means that there is no table.
func isMissing(err error) bool { return knftables.IsNotFound(err) || errors.Is(err, unix.ENOENT) }

func onDemand(set string) bool {
	return strings.HasPrefix(set, affinityPrefix) || strings.Contains(set, countInfix)
}

// writeAll adds the fixed objects and everything of the plan.
func (t *Table) writeAll(tx *knftables.Transaction, p *plan) {
	tx.Add(&knftables.Table{})
	for _, set := range fixedSets(t.family) {
		tx.Add(set)
	}
	for _, chain := range fixedChains() {
		tx.Add(chain)
	}
	for _, rule := range fixedRules(t.family, t.options) {
		tx.Add(rule)
	}
	for _, prefix := range t.podSources {
		tx.Add(element{podSources, prefix.String(), ""}.object())
	}
	t.write(tx, p)
}

// write adds the changes of a plan. Elements go before they come, because one may
// take the key of another.
func (t *Table) write(tx *knftables.Transaction, p *plan) {
	for _, e := range p.remove {
		tx.Delete(e.object())
	}
	for _, c := range p.newCounts {
		set, rule := countObjects(t.family, c)
		tx.Add(set)
		tx.Add(rule)
	}
	for _, timeout := range p.newTimeouts {
		set, rule := affinityObjects(t.family, timeout)
		tx.Add(set)
		if t.family == corev1.IPv4Protocol {
			tx.Add(rule)
		}
	}
	for _, e := range p.add {
		tx.Add(e.object())
	}
}

// SetPodSources replaces the prefixes that pods have addresses from; prefixes of
// the other family are left out.
func (t *Table) SetPodSources(ctx context.Context, prefixes []netip.Prefix) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var own []netip.Prefix
	for _, prefix := range prefixes {
		if model.FamilyOf(prefix.Addr()) == t.family {
			own = append(own, prefix.Masked())
		}
	}
	t.podSources = model.Disjoint(own)
	if t.committed == nil {
		return nil
	}
	tx := t.nft.NewTransaction()
	tx.Flush(&knftables.Set{Name: podSources})
	for _, prefix := range t.podSources {
		tx.Add(element{podSources, prefix.String(), ""}.object())
	}
	if err := t.nft.Run(ctx, tx); err != nil {
		t.committed = nil
		return fmt.Errorf("set pod sources in nftables table %s of %s: %w", t.name(), t.family, err)
	}
	return nil
}

// Cleanup removes the tables of that name in both families. It is no error if there are none.
func Cleanup(ctx context.Context, name string) error {
	var failures []error
	for _, family := range []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol} {
		nft, err := knftables.New(nftFamily(family), name)
		if err != nil {
			failures = append(failures, fmt.Errorf("use nftables for %s: %w", family, err))
			continue
		}
		// Adding first makes the deletion succeed where there is nothing.
		tx := nft.NewTransaction()
		tx.Add(&knftables.Table{})
		tx.Delete(&knftables.Table{})
		if err := nft.Run(ctx, tx); err != nil {
			failures = append(failures, fmt.Errorf("delete nftables table %s of %s: %w", name, family, err))
		}
	}
	return errors.Join(failures...)
}

// Known says whether Apply is possible; else Resync is needed.
func (t *Table) Known() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.committed != nil
}

// Distrust makes Resync be needed.
func (t *Table) Distrust() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.committed = nil
}

// Close frees what the Table holds in the process. The kernel's table stays.
func (t *Table) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.socket != nil {
		t.socket.close()
	}
}
