package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/proa-sh/proa/pkg/proxy/conntrack"
	"github.com/proa-sh/proa/pkg/proxy/health"
	"github.com/proa-sh/proa/pkg/proxy/model"
	"github.com/proa-sh/proa/pkg/proxy/nftables"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// families in the order in which they are written.
var families = [...]corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}

// syncer turns changed Services into kernel state. Only one goroutine uses it.
type syncer struct {
	config  *Config
	get     func(types.NamespacedName) (*corev1.Service, []*discoveryv1.EndpointSlice)
	tables  map[corev1.IPFamily]*nftables.Table
	checks  *health.Services
	claims  model.Claims
	node    model.Node
	sources []netip.Prefix
	// ports is what was given to the tables last, whether they could write it or not.
	ports map[types.NamespacedName][]model.ServicePort
	// hasCheck are the Services with a health check server, failedCheck those whose
	// server could not be started.
	hasCheck, failedCheck map[types.NamespacedName]bool
	// stale are fronts whose connection tracking is to be cleaned.
	stale map[corev1.IPFamily]conntrack.Fronts
}

func newSyncer(config *Config, t *tracker, tables map[corev1.IPFamily]*nftables.Table, checks *health.Services) *syncer {
	return &syncer{
		config: config, get: t.get, tables: tables, checks: checks,
		ports:       map[types.NamespacedName][]model.ServicePort{},
		hasCheck:    map[types.NamespacedName]bool{},
		failedCheck: map[types.NamespacedName]bool{},
		stale:       map[corev1.IPFamily]conntrack.Fronts{corev1.IPv4Protocol: {}, corev1.IPv6Protocol: {}},
	}
}

// outcome is what sync could not do: rules could not be written, or something beside them failed while all rules are in the
// kernel.
type outcome struct{ rules, beside error }

func (o outcome) err() error { return errors.Join(o.rules, o.beside) }

// sync brings the given Services up to date. After an error the same Services need not
// be given again, but sync has to be called again.
func (s *syncer) sync(ctx context.Context, names []types.NamespacedName) outcome {
	changes := map[corev1.IPFamily]nftables.Changes{}
	for _, family := range families {
		changes[family] = nftables.Changes{}
	}
	for name := range s.failedCheck {
		names = append(names, name)
	}
	var rules, beside []error
	for _, name := range s.withAffected(names) {
		svc, slicesOf := s.get(name)
		var ports []model.ServicePort
		if svc != nil {
			ports = s.claims.Grant(model.Ports(svc, slicesOf, s.node))
		}
		s.replace(name, ports, changes)
		beside = append(beside, s.setHealthCheck(ctx, name, svc, slicesOf))
	}
	for _, family := range families {
		if err := s.write(ctx, family, changes[family]); err != nil {
			rules = append(rules, err)
			continue
		}
		beside = append(beside, s.forget(ctx, family))
	}
	return outcome{rules: errors.Join(rules...), beside: errors.Join(beside...)}
}

// forget cleans connection tracking once the kernel has the new endpoints.
func (s *syncer) forget(ctx context.Context, family corev1.IPFamily) error {
	deleted, err := s.stale[family].Forget(family)
	if err != nil {
		return err
	}
	s.stale[family] = conntrack.Fronts{}
	if deleted > 0 {
		klog.FromContext(ctx).V(2).Info("Deleted stale UDP entries of connection tracking", "family", family, "count", deleted)
	}
	return nil
}

// withAffected updates the claims of the Services and adds those that gained or lost
// something by it.
func (s *syncer) withAffected(names []types.NamespacedName) []types.NamespacedName {
	todo := map[types.NamespacedName]bool{}
	for _, name := range names {
		todo[name] = true
		svc, slicesOf := s.get(name)
		var fronts []model.Front
		created := corev1.Service{}.CreationTimestamp
		if svc != nil {
			fronts, created = model.Fronts(model.Ports(svc, slicesOf, s.node)), svc.CreationTimestamp
		}
		for _, other := range s.claims.Set(name, created.Time, fronts) {
			todo[other] = true
		}
	}
	all := make([]types.NamespacedName, 0, len(todo))
	for name := range todo {
		all = append(all, name)
	}
	return all
}

// replace notes the difference between the old and new ports of a Service.
func (s *syncer) replace(name types.NamespacedName, ports []model.ServicePort, changes map[corev1.IPFamily]nftables.Changes) {
	old := map[model.PortName]*model.ServicePort{}
	for i := range s.ports[name] {
		port := &s.ports[name][i]
		old[port.Name] = port
		changes[port.Name.Family][port.Name] = nil
	}
	for i := range ports {
		port := &ports[i]
		family := port.Name.Family
		changes[family][port.Name] = port
		before := old[port.Name]
		if before == nil || !sameFlows(before, port) {
			if before != nil {
				s.stale[family].Add(before, true)
			}
			s.stale[family].Add(port, false)
		}
		delete(old, port.Name)
	}
	for _, gone := range old {
		s.stale[gone.Name.Family].Add(gone, true)
	}
	if len(ports) == 0 {
		delete(s.ports, name)
	} else {
		s.ports[name] = ports
	}
}

// sameFlows says whether no connection can be wrong after a change.
func sameFlows(a, b *model.ServicePort) bool {
	return slices.Equal(a.Any, b.Any) && slices.Equal(a.Local, b.Local) &&
		slices.EqualFunc(a.Exposures, b.Exposures, func(x, y model.Exposure) bool { return x.Front == y.Front && x.Scope == y.Scope })
}

// write gives the changes of a family to its table, or everything if the table does
// not know what the kernel has.
func (s *syncer) write(ctx context.Context, family corev1.IPFamily, changes nftables.Changes) error {
	table := s.tables[family]
	if table.Known() {
		return table.Apply(ctx, changes)
	}
	var all []model.ServicePort
	for _, ports := range s.ports {
		for _, port := range ports {
			if port.Name.Family == family {
				all = append(all, port)
			}
		}
	}
	return table.Resync(ctx, all)
}

func (s *syncer) setHealthCheck(ctx context.Context, name types.NamespacedName, svc *corev1.Service,
	slicesOf []*discoveryv1.EndpointSlice) error {
	if svc != nil {
		if check, wanted := model.Health(svc, slicesOf, s.node); wanted {
			err := s.checks.Set(ctx, name, &check)
			s.hasCheck[name] = true
			if delete(s.failedCheck, name); err != nil {
				s.failedCheck[name] = true
			}
			return err
		}
	}
	if !s.hasCheck[name] {
		return nil
	}
	delete(s.hasCheck, name)
	delete(s.failedCheck, name)
	return s.checks.Set(ctx, name, nil)
}

// setNode takes over the node and says whether all Services have to be looked at again.
func (s *syncer) setNode(ctx context.Context, node *corev1.Node) (changed bool, err error) {
	var local []netip.Addr
	if len(s.config.NodePortAddresses) > 0 {
		if local, err = localAddrs(); err != nil {
			return false, err
		}
	}
	wanted := s.config.modelNode(node, local)
	changed = wanted.Zone != s.node.Zone || !slices.Equal(wanted.NodePortAddresses, s.node.NodePortAddresses)
	s.node = wanted
	s.checks.SetAddresses(wanted.NodePortAddresses)
	if sources := s.config.podSources(node); !slices.Equal(sources, s.sources) {
		for _, family := range families {
			if err := s.tables[family].SetPodSources(ctx, sources); err != nil {
				return changed, fmt.Errorf("take over pod prefixes: %w", err)
			}
		}
		s.sources = sources
	}
	return changed, nil
}
