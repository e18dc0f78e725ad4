package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
)

// Runtime is the container runtime as far as the Node reports about it.
type Runtime interface {
	Version(ctx context.Context, apiVersion string) (*runtimeapi.VersionResponse, error)
	Status(ctx context.Context, verbose bool) (*runtimeapi.StatusResponse, error)
}

// Images lists the images on the node.
type Images interface {
	ListImages(ctx context.Context, filter *runtimeapi.ImageFilter) ([]*runtimeapi.Image, error)
}

// Lister reads the Node from a cache that a watch keeps fresh; the lister of an informer fits. An answer that is not
// there yet gives an error for which apierrors.IsNotFound is true.
type Lister interface {
	Get(name string) (*v1.Node, error)
}

// Pressure says which resources run short.
type Pressure struct{ Memory, Disk, PID bool }

// Config is what a Node is made of.
type Config struct {
	Name   string
	Client kubernetes.Interface
	// Nodes may be nil; then the Node is read from the API server.
	Nodes    Lister
	Recorder record.EventRecorder
	Runtime  Runtime
	// Images may be nil; then none are reported.
	Images Images
	// Problems lists reasons beside the runtime's why the node is not ready; may be nil.
	Problems func() []string
	// OnReadiness is called after the readiness of runtime or network has turned; may be nil. It must not block.
	OnReadiness func()

	// Register makes the Node if there is none. With false somebody else has to.
	Register bool
	// Labels and Taints are given to a Node that is made anew (--node-labels, --register-with-taints).
	Labels        map[string]string
	Taints        []v1.Taint
	Unschedulable bool
	ProviderID    string

	// Hostname is the value of the label kubernetes.io/hostname; the name when empty.
	Hostname  string
	Addresses []v1.NodeAddress
	// Capacity and Allocatable include pods.
	Capacity, Allocatable v1.ResourceList
	System                v1.NodeSystemInfo
	// KubeletPort is where the kubelet's API is served.
	KubeletPort int32

	// MaxImages bounds the images reported; 0 means 50, -1 all.
	MaxImages int
	// UpdateFrequency is how often the status is computed (10 s when 0), ReportFrequency how often it is written when
	// nothing changed (5 min when 0).
	UpdateFrequency, ReportFrequency time.Duration
	// LeaseDuration is how long the Lease holds (40 s when 0); it is renewed after a quarter of that.
	LeaseDuration time.Duration
}

// Node keeps the Node object.
type Node struct {
	cfg  Config
	wake chan struct{} // capacity 1: someone has called Notify

	mu         sync.Mutex
	runtime    error    // why the runtime is not ready; guarded by mu
	network    error    // why the pod network is not ready; guarded by mu
	known      *v1.Node // the last answer of the API server about the Node; guarded by mu
	registered bool     // guarded by mu
	pressure   Pressure // guarded by mu
}

// New checks the configuration and fills what it leaves open.
func New(cfg Config) (*Node, error) {
	if cfg.Name == "" || cfg.Client == nil || cfg.Runtime == nil || cfg.Recorder == nil {
		return nil, errors.New("a node needs Name, Client, Runtime and Recorder")
	}
	if cfg.Hostname == "" {
		cfg.Hostname = cfg.Name
	}
	if cfg.UpdateFrequency == 0 {
		cfg.UpdateFrequency = 10 * time.Second
	}
	if cfg.ReportFrequency == 0 {
		cfg.ReportFrequency = 5 * time.Minute
	}
	if cfg.LeaseDuration == 0 {
		cfg.LeaseDuration = 40 * time.Second
	}
	if cfg.MaxImages == 0 {
		cfg.MaxImages = 50
	}
	unknown := errors.New("container runtime status check may not have completed yet")
	return &Node{cfg: cfg, wake: make(chan struct{}, 1), runtime: unknown, network: unknown}, nil
}

// Run registers the Node and keeps its status and Lease until ctx ends.
func (n *Node) Run(ctx context.Context) error {
	n.event(v1.EventTypeNormal, "Starting", "Starting kubelet.")
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	retry := newPauses(100*time.Millisecond, 7*time.Second)
	for {
		err := n.register(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return nil
		}
		klog.FromContext(ctx).Error(err, "Registering the node failed; trying again", "node", n.cfg.Name)
		if !n.pause(ctx, retry.next()) {
			return nil
		}
	}
	lease := n.leaseController()
	running.Go(func() { lease.Run(ctx) })
	n.keepStatus(ctx)
	return nil
}

// SetPressure tells which resources run short from now on; none does at first. It does not block.
func (n *Node) SetPressure(p Pressure) {
	n.mu.Lock()
	n.pressure = p
	n.mu.Unlock()
	n.Notify()
}

// Notify has the status computed at once: images or the Node itself may have changed. It does not block.
func (n *Node) Notify() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// RuntimeReady is nil when the container runtime can start containers, else why it cannot.
func (n *Node) RuntimeReady() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.runtime
}

// NetworkReady is nil when the runtime can connect pods to the pod network, else why it cannot.
func (n *Node) NetworkReady() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.network
}

// Node gives the newest known version of the Node; before it is registered, one with what this kubelet would report. The
// caller must not change it.
func (n *Node) Node(context.Context) (*v1.Node, error) {
	if current := n.newest(); current != nil {
		return current, nil
	}
	o := n.given()
	o.NotReady = []string{"node is not registered yet"}
	return n.initial(o), nil
}

// Healthy is nil once the Node is registered.
func (n *Node) Healthy() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.registered {
		return fmt.Errorf("node %s is not registered", n.cfg.Name)
	}
	return nil
}

// pause waits; it is false when ctx ended. A call of Notify ends it early.
func (n *Node) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-n.wake:
	}
	return true
}

// event records an event about the Node. Its UID is the node's name, as everyone who looks for events of nodes expects.
func (n *Node) event(kind, reason, message string, args ...any) {
	n.cfg.Recorder.Eventf(&v1.ObjectReference{Kind: "Node", Name: n.cfg.Name, UID: types.UID(n.cfg.Name)}, kind, reason, message, args...)
}
