package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/proa-sh/proa/pkg/proxy/conntrack"
	"github.com/proa-sh/proa/pkg/proxy/health"
	"github.com/proa-sh/proa/pkg/proxy/nftables"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const (
	// window is how long changes are collected before they are written together.
	window = time.Millisecond
	// firstRetry and lastRetry bound the wait after a failure; it doubles.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 30 * time.Second
	// defaultCheckPeriod is how often the kernel's whole state is compared.
	defaultCheckPeriod = time.Hour
	// patience is how long changes may wait until the proxy counts as unhealthy.
	patience = time.Minute
	// conntrackRoot is where the kernel keeps the settings of connection tracking.
	conntrackRoot = "/proc/sys/net/netfilter"
)

// Proxy is the service proxy of one node.
type Proxy struct {
	config  Config
	state   *health.Proxier
	tracker *tracker
}

// New registers with the informers. Nothing is changed before Run.
func New(config Config) (*Proxy, error) {
	if config.Informers == nil || config.NodeName == "" {
		return nil, errors.New("make service proxy: informers and node name are needed")
	}
	if config.CheckPeriod == 0 {
		config.CheckPeriod = defaultCheckPeriod
	}
	state := health.NewProxier(patience)
	tracked, err := newTracker(config.Informers, config.NodeName, state.Queued)
	if err != nil {
		return nil, fmt.Errorf("make service proxy: %w", err)
	}
	return &Proxy{config: config, state: state, tracker: tracked}, nil
}

// Healthy returns an error if changes wait too long to be written, or nothing was
// written yet.
func (p *Proxy) Healthy() error {
	if !p.state.Healthy() {
		return errors.New("service rules are not up to date")
	}
	return nil
}

// Run serves until ctx ends. The rules stay when it returns, so that connections live
// on while the proxy restarts; Cleanup removes them.
func (p *Proxy) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx).WithName("proxy")
	ctx, cancel := context.WithCancel(klog.NewContext(ctx, logger))
	defer cancel()
	tables := map[corev1.IPFamily]*nftables.Table{}
	for _, family := range families {
		table, err := nftables.New(family, p.config.nftablesOptions())
		if err != nil {
			return fmt.Errorf("run service proxy: %w", err)
		}
		defer table.Close()
		tables[family] = table
	}
	damaged, err := nftables.Watch(ctx, cmp.Or(p.config.TableName, TableName))
	if err != nil {
		return fmt.Errorf("run service proxy: watch nftables: %w", err)
	}
	if err := Prepare(p.config.Conntrack); err != nil {
		// Some are not ours to set in a container or a further network namespace.
		logger.Error(err, "Could not make all settings of connection tracking")
	}
	var group sync.WaitGroup
	failed := make(chan error, 1)
	group.Go(func() {
		if err := p.serveHealth(ctx); err != nil {
			failed <- err
			cancel()
		}
	})
	group.Go(func() { p.watchAddresses(ctx) })
	if cache.WaitForCacheSync(ctx.Done(), p.tracker.synced...) {
		p.loop(ctx, tables, damaged)
	}
	cancel()
	group.Wait()
	for range damaged {
		// Closed when its goroutine has ended.
		continue
	}
	select {
	case err := <-failed:
		return fmt.Errorf("run service proxy: %w", err)
	default:
		return nil
	}
}

func (c *Config) nftablesOptions() nftables.Options {
	options := nftables.Options{Name: c.TableName, MasqueradeAll: c.MasqueradeAll}
	switch c.DetectLocalMode {
	case LocalModeClusterCIDR:
		options.DetectLocal.ByPrefix = len(c.ClusterCIDRs) > 0
	case LocalModeNodeCIDR:
		options.DetectLocal.ByPrefix = true
	case LocalModeBridgeInterface:
		options.DetectLocal.Bridge = c.BridgeInterface
	case LocalModeInterfaceNamePrefix:
		options.DetectLocal.InterfacePrefix = c.InterfaceNamePrefix
	}
	return options
}

// loop writes what changed until ctx ends.
func (p *Proxy) loop(ctx context.Context, tables map[corev1.IPFamily]*nftables.Table, damaged <-chan struct{}) {
	s := newSyncer(&p.config, p.tracker, tables, health.NewServices(p.state.Healthy))
	defer s.checks.Close()
	// Even if there is no Service, the tables are to be made.
	p.tracker.markAll()
	check := time.NewTicker(p.config.CheckPeriod)
	defer check.Stop()
	retry, wait := time.NewTimer(0), firstRetry
	retry.Stop()
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.tracker.wake:
			if !sleep(ctx, window) {
				return
			}
		case <-retry.C:
		case _, open := <-damaged:
			if !open {
				damaged = nil
				continue
			}
			if !p.check(ctx, tables, false) {
				continue
			}
		case <-check.C:
			if !p.check(ctx, tables, true) {
				continue
			}
		}
		if err := p.syncOnce(ctx, s); err != nil {
			klog.FromContext(ctx).Error(err, "Could not bring everything about Services up to date", "retryAfter", wait)
			retry.Reset(wait)
			wait = min(2*wait, lastRetry)
			continue
		}
		retry.Stop()
		wait = firstRetry
	}
}

// syncOnce takes what changed and writes it.
func (p *Proxy) syncOnce(ctx context.Context, s *syncer) error {
	names, node := p.tracker.take()
	p.state.Taken()
	if node != nil {
		p.state.SetNodeLeaving(leaving(node))
	}
	changed, err := s.setNode(ctx, node)
	if changed {
		p.tracker.markAll()
		more, _ := p.tracker.take()
		names = append(names, more...)
	}
	done := s.sync(ctx, names)
	done.rules = errors.Join(err, done.rules)
	if done.rules == nil { // load balancers may send us everything, whatever else has failed
		p.state.Written()
	}
	return done.err()
}

// check compares the tables with the kernel and says whether something has to be
// written again.
func (p *Proxy) check(ctx context.Context, tables map[corev1.IPFamily]*nftables.Table, deep bool) bool {
	found := false
	for _, family := range families {
		damage, err := tables[family].Check(ctx, deep)
		if err != nil {
			damage = err.Error()
		}
		if damage != "" && ctx.Err() == nil {
			klog.FromContext(ctx).Info("Service rules were changed by somebody else, writing them again", "family", family, "found", damage)
			tables[family].Distrust()
			found = true
		}
	}
	return found
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Prepare makes the kernel settings that need full privileges.
func Prepare(settings conntrack.Settings) error {
	var failures []error
	for _, setting := range settings.Plan(runtime.NumCPU()) {
		if err := setting.Apply(conntrackRoot); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// TableName is the name of the nftables tables that a proxy makes unless it is given another, in the families ip
// and ip6. Who keeps a ledger of changes to the host writes them down before Run.
const TableName = nftables.TableName

// Cleanup removes all rules of a proxy with tables of the usual name from the network namespace of the process.
func Cleanup(ctx context.Context) error { return nftables.Cleanup(ctx, TableName) }
