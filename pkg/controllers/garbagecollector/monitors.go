package garbagecollector

import (
	"context"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const (
	// secondLook is how long after a change of the kinds they are discovered once more: a server announces new kinds
	// a little after their definition says that they are established.
	secondLook = 2 * time.Second
	// firstRetry is the pause after groups did not answer; it doubles each time up to longestRetry, which is how often one that
	// stays away is asked for. When it comes back, its APIService says so, and everything is discovered at once.
	firstRetry, longestRetry = 5 * time.Second, time.Minute
	// listing is how long a kind may take to be listed before the others go on without it: one kind whose server is
	// broken must not stop the collection of all.
	listing = 30 * time.Second
)

// monitors keeps one informer per collected kind.
type monitors struct {
	discovery discovery.DiscoveryInterface
	metadata  metadata.Interface
	// shared are informers of the process by resource.
	shared map[schema.GroupVersionResource]cache.SharedIndexInformer
	// handler makes the handler of a kind; dropped is told when a kind has gone.
	handler func(schema.GroupVersionResource, schema.GroupKind) cache.ResourceEventHandler
	dropped func(schema.GroupVersionResource)
	// listed is called after kinds have come or gone, when all have been listed.
	listed func()

	changed chan struct{} // of capacity 1; kinds may have changed

	mu      sync.Mutex
	kinds   kinds                                    // guarded by mu
	running map[schema.GroupVersionResource]*monitor // guarded by mu
	wg      sync.WaitGroup                           // of the informers that monitors started
}

// monitor is one informer with the handler on it.
type monitor struct {
	stop    context.CancelFunc
	synced  cache.DoneChecker
	started time.Time
}

// definesKinds says whether objects of a resource bring and take kinds.
func definesKinds(resource schema.GroupVersionResource) bool {
	switch resource.GroupResource() {
	case schema.GroupResource{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"},
		schema.GroupResource{Group: "apiregistration.k8s.io", Resource: "apiservices"}:
		return true
	}
	return false
}

// kindsChanged makes run discover again.
func (m *monitors) kindsChanged() {
	select {
	case m.changed <- struct{}{}:
	default: // it will, already
	}
}

// run discovers until ctx ends, and then waits for all informers to end.
func (m *monitors) run(ctx context.Context) {
	defer m.wg.Wait()
	m.kindsChanged()
	again := time.NewTimer(time.Hour)
	again.Stop()
	defer again.Stop()
	pause := firstRetry
	for {
		first := false
		select {
		case <-m.changed:
			first = true
		case <-again.C:
		case <-ctx.Done():
			return
		}
		changed, partial, err := m.refresh(ctx)
		if changed {
			m.wg.Go(func() {
				m.waitSynced(ctx)
				m.listed()
			})
		}
		switch {
		case err != nil || partial:
			klog.FromContext(ctx).V(2).Info("Not all kinds of objects are known; trying again", "reason", err)
			again.Reset(pause)
			pause = min(2*pause, longestRetry)
			continue
		case first:
			again.Reset(secondLook)
		}
		pause = firstRetry
	}
}

// refresh starts and stops monitors as kinds have come and gone. When groups did not answer, none is stopped.
func (m *monitors) refresh(ctx context.Context) (changed, partial bool, err error) {
	found, partial, err := discover(m.discovery)
	if err != nil {
		return false, false, err
	}
	m.mu.Lock()
	var gone []schema.GroupVersionResource
	if partial {
		// Of groups that did not answer the last answer holds; what is new is newer.
		found.resources = merged(m.kinds.resources, found.resources)
		found.namespaced = merged(m.kinds.namespaced, found.namespaced)
	} else {
		for resource, one := range m.running {
			if kind, still := found.collected[resource]; !still || kind != m.kinds.collected[resource] {
				one.stop()
				delete(m.running, resource)
				gone = append(gone, resource)
			}
		}
	}
	m.kinds = found
	for resource, kind := range found.collected {
		if _, runs := m.running[resource]; !runs {
			m.start(ctx, resource, kind)
			changed = true
		}
	}
	m.mu.Unlock()
	for _, resource := range gone {
		m.dropped(resource)
	}
	return changed || len(gone) > 0, partial, nil
}

// merged is old with the entries of now in place of its own.
func merged[K comparable, V any](old, now map[K]V) map[K]V {
	all := maps.Clone(now)
	for key, value := range old {
		if _, known := now[key]; !known {
			all[key] = value
		}
	}
	return all
}

// start hangs a handler on the process's informer of a kind, or on one of its own. mu is held.
func (m *monitors) start(ctx context.Context, resource schema.GroupVersionResource, kind schema.GroupKind) {
	ctx, cancel := context.WithCancel(ctx)
	informer := m.shared[resource]
	own := informer == nil
	if own {
		informer = metadatainformer.NewFilteredMetadataInformer(m.metadata, resource, "", 0, cache.Indexers{}, nil).Informer()
	}
	registration, err := informer.AddEventHandler(m.handler(resource, kind))
	if err != nil { // only when the informer has been stopped, with the process
		cancel()
		return
	}
	m.running[resource] = &monitor{stop: cancel, synced: registration.HasSyncedChecker(), started: time.Now()}
	if own {
		m.wg.Go(func() { informer.RunWithContext(ctx) })
		return
	}
	context.AfterFunc(ctx, func() {
		// The only error is that the informer has been stopped, and its handlers with it.
		_ = informer.RemoveEventHandler(registration)
	})
}

// synced says whether all kinds have been listed.
func (m *monitors) synced() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.running) == 0 {
		return false
	}
	for _, one := range m.running {
		if !cache.IsDone(one.synced) && time.Since(one.started) < listing {
			return false
		}
	}
	return true
}

// waitSynced returns when all kinds known at that time have been listed, or have had time enough, or ctx has ended.
func (m *monitors) waitSynced(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, listing)
	defer cancel()
	m.mu.Lock()
	all := make([]cache.DoneChecker, 0, len(m.running))
	for _, one := range m.running {
		all = append(all, one.synced)
	}
	m.mu.Unlock()
	for _, one := range all {
		select {
		case <-one.Done():
		case <-ctx.Done():
			return
		}
	}
}

// resourceOf finds the resource of a kind, and whether it is namespaced.
func (m *monitors) resourceOf(kind schema.GroupVersionKind) (resource schema.GroupVersionResource, namespaced, found bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	resource, found = m.kinds.resources[kind]
	return resource, m.kinds.namespaced[resource], found
}

// watches says whether deletions of a resource's objects will be seen, in whatever version.
func (m *monitors) watches(resource schema.GroupResource) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for running := range m.running {
		if running.GroupResource() == resource {
			return true
		}
	}
	return false
}
