package cluster

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/tools/cache"

	"github.com/proa-sh/proa/pkg/cluster/images"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/steps"
	"github.com/proa-sh/proa/pkg/network/dns"
	"github.com/proa-sh/proa/pkg/nodes"
)

// await returns when an object is as wanted.
func await[P any](ctx context.Context, informer cache.SharedIndexInformer, wanted func(P) bool) error {
	found := make(chan struct{}, 1)
	look := func(o any) {
		if p, ok := o.(P); ok && wanted(p) {
			select {
			case found <- struct{}{}:
			default:
			}
		}
	}
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: look, UpdateFunc: func(_, o any) { look(o) }})
	if err != nil {
		return err
	}
	select {
	case <-found:
		return informer.RemoveEventHandler(registration)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitNode returns when pods can run on the first node.
func (p *parts) awaitNode(ctx context.Context, _ *steps.Task) error {
	p.informers.Core().V1().Pods().Informer() // for the overview
	overview := p.overview
	p.env.overview.Store(&overview)
	return p.awaitReady(ctx, p.env.Config.NodeName, p.env.Timeline.Began())
}

// awaitReady returns when pods can run on a node. That they could before it began this life does not count: the kubelet must
// have renewed its lease.
func (p *parts) awaitReady(ctx context.Context, name string, began time.Time) error {
	node, lease := p.informers.Core().V1().Nodes().Informer(), p.informers.Coordination().V1().Leases().Informer()
	p.startInformers()
	err := await(ctx, lease, func(l *coordinationv1.Lease) bool {
		return l.Namespace == corev1.NamespaceNodeLease && l.Name == name && l.Spec.RenewTime != nil && l.Spec.RenewTime.After(began)
	})
	if err != nil {
		return err
	}
	return await(ctx, node, func(n *corev1.Node) bool { return n.Name == name && nodes.IsReady(n) })
}

// awaitFirst returns when the node is ready, or has failed to become so: the cluster is good without it.
func (m *member) awaitFirst(ctx context.Context, _ *steps.Task) error {
	err := m.awaitReady(ctx)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	m.fleet.parts.env.Timeline.Note("Warning: " + err.Error())
	return nil
}

// startDNS applies the cluster DNS and returns when it answers.
func (p *parts) startDNS(ctx context.Context, _ *steps.Task) error {
	c := p.env.Config
	client, err := p.client("system:proa:addons", user.SystemPrivilegedGroup)
	if err != nil {
		return err
	}
	file, resolv, reachable, err := node.ResolvConf()
	if err != nil {
		return err
	}
	if !reachable {
		p.env.Timeline.Note("Warning: pods know no names but the cluster's: " + file + " names no server that they can reach; mend it and run `proa up` again after `proa down`")
	}
	err = dns.Apply(ctx, client, dns.Params{
		ClusterIPs: []netip.Addr{c.DNSServiceIP()}, Domain: c.DNSDomain, Image: images.CoreDNSName, Replicas: 1, Upstream: dns.UpstreamOf(resolv),
		// Others get the image later, and may go at any time.
		PreferredNode: c.NodeName,
	})
	if err != nil {
		return err
	}
	informer := p.informers.Discovery().V1().EndpointSlices().Informer()
	p.startInformers()
	if err := await(ctx, informer, servesDNS); err != nil {
		return err
	}
	address, name := net.JoinHostPort(c.DNSServiceIP().String(), "53"), "kubernetes.default.svc."+c.DNSDomain+"."
	p.env.Check(StepDNS, func(ctx context.Context) error { return answers(ctx, address, name) })
	return answers(ctx, address, name)
}

// servesDNS reports whether the slice has a ready endpoint of the cluster DNS.
func servesDNS(s *discoveryv1.EndpointSlice) bool {
	if s.Namespace != dns.Namespace || s.Labels[discoveryv1.LabelServiceName] != dns.ServiceName {
		return false
	}
	for _, e := range s.Endpoints {
		if e.Conditions.Ready != nil && *e.Conditions.Ready {
			return true
		}
	}
	return false
}

// The service proxy learns of the endpoint at the same moment as we do, so the first question may come too early.
const (
	questionTimeout = 200 * time.Millisecond
	questionPause   = 20 * time.Millisecond
)

// answers returns when the name server at address knows the name.
func answers(ctx context.Context, address, name string) error {
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	pause := time.NewTicker(questionPause)
	defer pause.Stop()
	for {
		bounded, cancel := context.WithTimeout(ctx, questionTimeout)
		_, err := resolver.LookupHost(bounded, name)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("ask cluster DNS at %s for %s: %w", address, name, err)
		case <-pause.C:
		}
	}
}
