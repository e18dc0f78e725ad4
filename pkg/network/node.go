package network

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// Ledger is told of every change to the host before it is made.
type Ledger interface {
	// Interface is about to be made, by somebody who acts on our configuration.
	Interface(name string) error
	// Route to a prefix by a gateway is about to be added.
	Route(prefix, gateway, device string) error
	// NftTable is about to be made. Family is ip or ip6.
	NftTable(family, name string) error
	// HostPorts of pods with addresses in the prefix are about to be mapped, by the CNI project's plugin in its table, which
	// others use too.
	HostPorts(family, table, pods string) error
	// NftRules with this comment are about to be added to a chain that is somebody else's.
	NftRules(family, table, chain, comment string) error
	// SetSysctl writes the old value down and sets the new one.
	SetSysctl(name, value string) error
	// File is about to be made or replaced.
	File(path string) error
}

// firstRetry and lastRetry bound the wait after a failure; it doubles.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// Config is what a Node is made of.
type Config struct {
	// Informers give Nodes.
	Informers informers.SharedInformerFactory
	// NodeName is the name of this node.
	NodeName string
	Ledger   Ledger
	// ConfDir is where the container runtime looks for CNI configurations.
	ConfDir string
	// IPAMDir is where the host-local plugin keeps the addresses it gave out; empty:
	// its own default.
	IPAMDir string
	// BridgeName is the interface that pods are attached to.
	BridgeName string
	// TableName is that of the node's nftables tables; empty: the constant TableName. NetworkName is that of the CNI network;
	// empty: proa. Two clusters on one machine need two of each.
	TableName, NetworkName string
	// MTU of the pods' interfaces in bytes; 0: the kernel's default.
	MTU int
	// ClusterCIDRs are the prefixes of all pods; their packets keep their source
	// among each other. None: only this node's.
	ClusterCIDRs []netip.Prefix
}

// Node is the pod network of one node.
type Node struct {
	config Config
	nodes  corelisters.NodeLister
	synced cache.InformerSynced
	wake   chan struct{}

	mu sync.Mutex
	// wanted is by the newest Nodes, applied what the host was set up for, err why it
	// could not be. Guarded by mu.
	wanted, applied plan
	err             error
}

// New registers with the informers. Nothing is changed before Run.
func New(config Config) (*Node, error) {
	if config.Informers == nil || config.Ledger == nil {
		return nil, errors.New("make pod network: informers and ledger are needed")
	}
	if config.NodeName == "" || config.ConfDir == "" || config.BridgeName == "" {
		return nil, errors.New("make pod network: names of node, configuration directory and bridge are needed")
	}
	nodes := config.Informers.Core().V1().Nodes()
	n := &Node{config: config, nodes: nodes.Lister(), wake: make(chan struct{}, 1)}
	registration, err := nodes.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { n.observe() },
		UpdateFunc: func(before, after any) {
			if matters(before, after) {
				n.observe()
			}
		},
		DeleteFunc: func(any) { n.observe() },
	})
	if err != nil {
		return nil, fmt.Errorf("make pod network: %w", err)
	}
	n.synced = registration.HasSynced
	return n, nil
}

// matters says whether a change of a Node, which tells all the time that it lives, may
// change the plan.
func matters(before, after any) bool {
	a, ok := before.(*corev1.Node)
	b, ok2 := after.(*corev1.Node)
	return !ok || !ok2 || !newPlan("", []*corev1.Node{a}).equal(newPlan("", []*corev1.Node{b})) || !slices.Equal(podCIDRs(a), podCIDRs(b))
}

func (n *Node) observe() {
	list, err := n.nodes.List(labels.Everything())
	if err != nil {
		return // of a cache; there is none
	}
	p := newPlan(n.config.NodeName, list)
	n.mu.Lock()
	defer n.mu.Unlock()
	if p.equal(n.wanted) {
		return
	}
	n.wanted = p
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Healthy returns an error until the host is set up for the Nodes that there are.
func (n *Node) Healthy() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.err != nil:
		return n.err
	case len(n.wanted.own) == 0:
		return fmt.Errorf("node %q has no pod prefix yet", n.config.NodeName)
	case !n.wanted.equal(n.applied):
		return fmt.Errorf("pod network of node %q is not set up yet", n.config.NodeName)
	}
	return n.firewallFault()
}

// firewallFault says that somebody has closed the machine's filter for pods since it was opened, and has it opened again. Called
// with mu held.
func (n *Node) firewallFault() error {
	chain, err := blocked(append(slices.Clone(n.config.ClusterCIDRs), n.applied.own...))
	if err != nil || chain == "" {
		return err
	}
	n.applied = plan{}
	select {
	case n.wake <- struct{}{}:
	default:
	}
	return fmt.Errorf("chain %s drops packets of pods, because the rules for them were taken away; they are being put back", chain)
}

// Run sets the host up as soon as the Node has pod prefixes, and again when Nodes change,
// until ctx ends. What it did stays when it returns; the ledger undoes it.
func (n *Node) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx).WithName("network")
	ctx = klog.NewContext(ctx, logger)
	if !cache.WaitForCacheSync(ctx.Done(), n.synced) {
		return nil
	}
	retry, again := time.NewTimer(0), retryPauses()
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.wake:
		case <-retry.C:
		}
		n.mu.Lock()
		wanted, done := n.wanted, n.wanted.equal(n.applied)
		if done {
			n.err = nil
		}
		n.mu.Unlock()
		if done || len(wanted.own) == 0 {
			continue
		}
		err := n.setUp(ctx, wanted)
		n.mu.Lock()
		n.err = err
		if err == nil {
			n.applied = wanted
		}
		n.mu.Unlock()
		if err != nil {
			pause := again.Step()
			logger.Error(err, "Could not set up the pod network", "retryAfter", pause)
			retry.Reset(pause)
			continue
		}
		again = retryPauses()
		logger.V(2).Info("Set up the pod network", "podCIDRs", wanted.own, "bridge", n.config.BridgeName, "routes", wanted.routes)
	}
}

func retryPauses() wait.Backoff {
	return wait.Backoff{Duration: firstRetry, Factor: 2, Steps: math.MaxInt32, Cap: lastRetry}
}
