package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/machine"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/steps"
	"github.com/proa-sh/proa/pkg/network"
)

// fleet are the further nodes of the cluster.
type fleet struct {
	parts *parts
	// program is proa, by which agents are started.
	program string

	mu      sync.Mutex
	members map[string]*member // guarded by mu
	// watching is the life of those who wait for the end of machines; it is nil before start and after its end. Guarded by mu.
	watching context.Context
	watchers sync.WaitGroup
}

func newFleet(p *parts, records []record) *fleet {
	f := &fleet{parts: p, members: map[string]*member{}}
	for _, r := range records {
		f.members[r.Name] = f.newMember(r)
	}
	return f
}

// start switches all nodes on, at the same time.
func (f *fleet) start(ctx context.Context, task *steps.Task) error {
	var err error
	if f.program, err = os.Executable(); err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	f.setWatching(ctx)
	task.Go(func(ctx context.Context) error {
		<-ctx.Done()
		f.setWatching(nil)
		f.watchers.Wait()
		return nil
	})
	members := f.all()
	if len(members) == 0 {
		return nil
	}
	if err := f.makeNetwork(ctx); err != nil {
		return err
	}
	var group sync.WaitGroup
	for _, m := range members {
		group.Go(func() {
			// The cluster is good without it.
			if err := m.powerOn(ctx); err != nil && ctx.Err() == nil {
				f.parts.env.Timeline.Note("Warning: " + err.Error())
			}
		})
	}
	group.Wait()
	return ctx.Err()
}

func (f *fleet) setWatching(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watching = ctx
}

// watch calls fn, which waits for the end of a machine, until the fleet is no longer watched.
func (f *fleet) watch(fn func(ctx context.Context)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx := f.watching; ctx != nil {
		f.watchers.Go(func() { fn(ctx) })
	}
}

// stop ends the pods of all nodes in good order and switches the nodes off, if the pods are to end; else the nodes go on.
func (f *fleet) stop(ctx context.Context) error {
	if !f.parts.env.EndsPods() {
		return nil
	}
	var group errgroup.Group
	for _, m := range f.all() {
		group.Go(func() error { return m.shutDown(ctx, f.parts.env.Now()) })
	}
	return group.Wait()
}

// all are the members by their indices.
func (f *fleet) all() []*member {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []*member
	for _, m := range f.members {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *member) int { return a.record.Index - b.record.Index })
	return list
}

// member gives a node to do something with.
func (f *fleet) member(name string) (*member, error) {
	if err := f.steady(); err != nil {
		return nil, err
	}
	if m, found := f.find(name); found {
		return m, nil
	}
	if name == f.parts.env.Config.NodeName {
		return nil, fmt.Errorf("node %s is this machine itself, which ends with `proa down`", name)
	}
	return nil, fmt.Errorf("the cluster has no node %s", name)
}

func (f *fleet) find(name string) (*member, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, found := f.members[name]
	return m, found
}

// steady gives an error while nodes cannot be worked on.
func (f *fleet) steady() error {
	if phase := f.parts.env.Timeline.Phase(); phase != control.Running {
		return fmt.Errorf("the cluster is %s; try again when it runs", phase)
	}
	return nil
}

// Add makes a node and returns when it is ready.
func (f *fleet) Add(ctx context.Context, name string) (string, error) {
	if err := f.steady(); err != nil {
		return "", err
	}
	m, err := f.remember(name)
	if err != nil {
		return "", err
	}
	m.busy.Lock()
	defer m.busy.Unlock()
	err = f.makeNetwork(ctx)
	if err == nil {
		err = m.powerOn(ctx)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("add node %s: %w", m.record.Name, err), m.remove(context.WithoutCancel(ctx)))
	}
	return m.record.Name, m.awaitReady(ctx)
}

// remember makes a member and writes it down.
func (f *fleet) remember(name string) (*member, error) {
	c := f.parts.env.Config
	f.mu.Lock()
	defer f.mu.Unlock()
	var records []record
	for _, m := range f.members {
		records = append(records, m.record)
	}
	r, err := c.newRecord(records, name)
	if err != nil {
		return nil, err
	}
	if err := c.writeRecord(r); err != nil {
		return nil, err
	}
	m := f.newMember(r)
	f.members[r.Name] = m
	return m, nil
}

// Start switches a node on that is off, and returns when it is ready.
func (f *fleet) Start(ctx context.Context, name string) error {
	m, err := f.member(name)
	if err != nil {
		return err
	}
	m.busy.Lock()
	defer m.busy.Unlock()
	if m.isOn() {
		return fmt.Errorf("node %s is on already", name)
	}
	if err := m.powerOn(ctx); err != nil {
		return err
	}
	return m.awaitReady(ctx)
}

// Stop cuts the power of a node.
func (f *fleet) Stop(ctx context.Context, name string) error {
	m, err := f.member(name)
	if err != nil {
		return err
	}
	m.busy.Lock()
	defer m.busy.Unlock()
	if !m.isOn() {
		return fmt.Errorf("node %s is off already", name)
	}
	return m.powerOff(ctx)
}

// Delete ends a node in good order and removes all there is of it.
func (f *fleet) Delete(ctx context.Context, name string) error {
	m, err := f.member(name)
	if err != nil {
		return err
	}
	m.busy.Lock()
	defer m.busy.Unlock()
	bounded, cancel := context.WithTimeout(ctx, shutDownWithin)
	defer cancel()
	hurry, waited := context.WithTimeout(ctx, deleteGrace)
	defer waited()
	if err := m.shutDown(bounded, hurry.Done()); err != nil {
		klog.FromContext(ctx).Error(err, "A node that is deleted did not end in good order", "node", name)
	}
	return m.remove(ctx)
}

// certify renews the certificates of all nodes that need it.
func (f *fleet) certify() error {
	var faults []error
	for _, m := range f.all() {
		faults = append(faults, m.certify())
	}
	return errors.Join(faults...)
}

// Report is told by an agent.
func (f *fleet) Report(name, fault string) {
	if m, found := f.find(name); found {
		m.report(fault)
	}
}

// makeNetwork makes what all nodes are attached to.
func (f *fleet) makeNetwork(ctx context.Context) error {
	e := f.parts.env
	if err := e.Config.checkNodeNetwork(); err != nil {
		return err
	}
	name := e.Config.nodesBridge()
	err := errors.Join(e.Ledger.Interface(name), e.Ledger.Cgroup(e.Config.nodesCgroup()), e.Config.Node().MakePlaces(e.Ledger))
	if err != nil {
		return err
	}
	if err := machine.EnsureBridge(name, prefixOf(e.Config.gateway(), e.Config.NodeCIDR)); err != nil {
		return err
	}
	if err := e.Ledger.SetSysctl("net/ipv4/ip_forward", "1"); err != nil {
		return fmt.Errorf("allow forwarding: %w", err)
	}
	return network.ShareUplink(ctx, e.Ledger, e.Config.Name+"-nodes", e.Config.NodeCIDR, e.Config.PodCIDR)
}

// deleteGrace is how long the pods of a node that is deleted may take to end.
const deleteGrace = 30 * time.Second

// shutDownWithin bounds the end of a node in good order, stopNodesWithin that of all.
const (
	shutDownWithin  = node.StopPodsWithin + steps.DefaultStop
	stopNodesWithin = shutDownWithin + time.Second
)
