package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	nodeutil "k8s.io/component-helpers/node/util"
	"k8s.io/klog/v2"
)

// firstLook is how soon a runtime that is not ready is asked again.
const firstLook = 50 * time.Millisecond

// keepStatus observes and reports until ctx ends.
func (n *Node) keepStatus(ctx context.Context) {
	unready := newPauses(firstLook, n.cfg.UpdateFrequency)
	failed := newPauses(2*firstLook, n.cfg.UpdateFrequency)
	reported, images := time.Now(), true
	for {
		due := time.Since(reported) >= n.cfg.ReportFrequency
		observed := n.observe(ctx, images || due)
		wrote, err := n.report(ctx, observed, due)
		if wrote {
			reported = time.Now()
		}
		wait := n.cfg.UpdateFrequency
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			klog.FromContext(ctx).Error(err, "Reporting the node's status failed; trying again", "node", n.cfg.Name)
			wait = failed.next()
		case n.RuntimeReady() != nil || n.NetworkReady() != nil:
			failed.reset()
			wait = unready.next()
		default:
			failed.reset()
			unready.reset()
		}
		before := time.Now()
		if !n.pause(ctx, wait) {
			return
		}
		// Images are listed again when someone woke us; listing them on every look would be work for nothing.
		images = time.Since(before) < wait
	}
}

// given is what the configuration says about the node.
func (n *Node) given() Observed {
	return Observed{
		Addresses: n.cfg.Addresses, Capacity: n.cfg.Capacity, Allocatable: n.cfg.Allocatable,
		System: n.cfg.System, KubeletPort: n.cfg.KubeletPort,
	}
}

// observe gathers what is known now. With images false the images last reported stand.
func (n *Node) observe(ctx context.Context, images bool) Observed {
	o := n.given()
	previous := n.newest()
	if previous != nil {
		o.Images = previous.Status.Images
	}
	if images || previous == nil {
		list, err := n.listImages(ctx)
		if err != nil {
			klog.FromContext(ctx).V(2).Info("Listing images failed; the last list stands", "err", err)
		} else {
			o.Images = list
		}
	}
	// The version is asked for again when the runtime came back: it may have been exchanged.
	version := ""
	if previous != nil && n.RuntimeReady() == nil {
		version = previous.Status.NodeInfo.ContainerRuntimeVersion
	}
	state := n.askRuntime(ctx, version)
	n.setReadiness(ctx, state)
	o.System.ContainerRuntimeVersion = state.version
	o.Handlers, o.Features = state.handlers, state.features
	if state.version == "" && previous != nil { // The runtime is away; what it was stands.
		o.System.ContainerRuntimeVersion = previous.Status.NodeInfo.ContainerRuntimeVersion
		o.Handlers, o.Features = previous.Status.RuntimeHandlers, previous.Status.Features
	}
	if state.runtime != nil {
		o.NotReady = append(o.NotReady, state.runtime.Error())
	}
	if state.network != nil && !errors.Is(state.network, state.runtime) {
		o.NotReady = append(o.NotReady, state.network.Error())
	}
	if n.cfg.Problems != nil {
		o.NotReady = append(o.NotReady, n.cfg.Problems()...)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	o.Pressure = n.pressure
	return o
}

// setReadiness remembers the runtime's readiness and tells when it turned.
func (n *Node) setReadiness(ctx context.Context, state runtimeState) {
	n.mu.Lock()
	turned := (n.runtime == nil) != (state.runtime == nil) || (n.network == nil) != (state.network == nil)
	n.runtime, n.network = state.runtime, state.network
	n.mu.Unlock()
	if !turned {
		return
	}
	klog.FromContext(ctx).Info("Readiness of the container runtime turned", "runtime", problem(state.runtime), "network", problem(state.network))
	if n.cfg.OnReadiness != nil {
		n.cfg.OnReadiness()
	}
}

func problem(err error) string {
	if err == nil {
		return "ready"
	}
	return err.Error()
}

// report patches the Node's status when it changed, or when due. It says whether it wrote.
func (n *Node) report(ctx context.Context, o Observed, due bool) (bool, error) {
	current := n.newest()
	if current == nil || n.cfg.Nodes == nil {
		read, err := n.cfg.Client.CoreV1().Nodes().Get(ctx, n.cfg.Name, metav1.GetOptions{})
		if err != nil {
			return false, fmt.Errorf("read node: %w", err)
		}
		current = read
	}
	wanted := current.DeepCopy()
	wanted.Status = Status(o, current.Status, metav1.Now())
	if !due && !differs(current.Status, wanted.Status) {
		return false, nil
	}
	patched, _, err := nodeutil.PatchNodeStatus(n.cfg.Client.CoreV1(), types.NodeName(n.cfg.Name), current, wanted)
	if err != nil {
		return false, fmt.Errorf("patch node status: %w", err)
	}
	n.tell(current.Status, wanted.Status)
	n.learn(patched)
	return true, nil
}

// tell records events about conditions that turned.
func (n *Node) tell(from, to v1.NodeStatus) {
	for _, turn := range transitions(n.cfg.Name, from, to) {
		n.event(v1.EventTypeNormal, turn.reason, "%s", turn.message)
	}
}

// learn remembers an answer of the API server.
func (n *Node) learn(node *v1.Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known, n.registered = node, true
}

// newest is the newer of the cached Node and the last answer to a write of our own; nil when there is neither.
func (n *Node) newest() *v1.Node {
	n.mu.Lock()
	known := n.known
	n.mu.Unlock()
	if n.cfg.Nodes == nil {
		return known
	}
	cached, err := n.cfg.Nodes.Get(n.cfg.Name)
	if err != nil {
		return known
	}
	if known == nil || known.UID != cached.UID {
		return cached
	}
	if order, err := resourceversion.CompareResourceVersion(cached.ResourceVersion, known.ResourceVersion); err != nil || order < 0 {
		return known
	}
	return cached
}
