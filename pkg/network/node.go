package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// Ledger is told of every change to the host before it is made.
type Ledger interface {
	// Interface is about to be made, by somebody who acts on our configuration.
	Interface(name string) error
	// NftTable is about to be made. Family is ip or ip6.
	NftTable(family, name string) error
	// SetSysctl writes the old value down and sets the new one.
	SetSysctl(name, value string) error
	// File is about to be made or replaced.
	File(path string) error
}

// retryWait is the wait after a failure.
const retryWait = time.Second

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
	// MTU of the pods' interfaces in bytes; 0: the kernel's default.
	MTU int
	// ClusterCIDRs are the prefixes of all pods; their packets keep their source
	// among each other. None: only this node's.
	ClusterCIDRs []netip.Prefix
}

// Node is the pod network of one node.
type Node struct {
	config Config
	synced cache.InformerSynced
	wake   chan struct{}

	mu sync.Mutex
	// wanted are the prefixes of the newest Node object, applied those the host was
	// set up for, err why it could not be. Guarded by mu.
	wanted, applied []netip.Prefix
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
	n := &Node{config: config, wake: make(chan struct{}, 1)}
	registration, err := config.Informers.Core().V1().Nodes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    n.observe,
		UpdateFunc: func(_, object any) { n.observe(object) },
	})
	if err != nil {
		return nil, fmt.Errorf("make pod network: %w", err)
	}
	n.synced = registration.HasSynced
	return n, nil
}

func (n *Node) observe(object any) {
	node, ok := object.(*corev1.Node)
	if !ok || node.Name != n.config.NodeName {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if prefixes := podCIDRs(node); !slices.Equal(prefixes, n.wanted) {
		n.wanted = prefixes
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

// Healthy returns an error until the host is set up for the pod prefixes of the Node.
func (n *Node) Healthy() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.err != nil:
		return n.err
	case len(n.wanted) == 0:
		return fmt.Errorf("node %q has no pod prefix yet", n.config.NodeName)
	case !slices.Equal(n.wanted, n.applied):
		return fmt.Errorf("pod network of node %q is not set up yet", n.config.NodeName)
	}
	return nil
}

// Run sets the host up as soon as the Node has pod prefixes, and again when they
// change, until ctx ends. What it did stays when it returns; the ledger undoes it.
func (n *Node) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx).WithName("network")
	ctx = klog.NewContext(ctx, logger)
	if !cache.WaitForCacheSync(ctx.Done(), n.synced) {
		return nil
	}
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.wake:
		case <-retry.C:
		}
		n.mu.Lock()
		wanted, done := n.wanted, slices.Equal(n.wanted, n.applied)
		n.mu.Unlock()
		if done || len(wanted) == 0 {
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
			logger.Error(err, "Could not set up the pod network", "retryAfter", retryWait)
			retry.Reset(retryWait)
			continue
		}
		logger.V(2).Info("Set up the pod network", "podCIDRs", wanted, "bridge", n.config.BridgeName)
	}
}
