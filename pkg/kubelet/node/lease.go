package node

import (
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/apimachinery/lease"
	"k8s.io/utils/clock"
)

// leaseController renews the Lease of the node, which tells the control plane that the kubelet lives.
func (n *Node) leaseController() lease.Controller {
	return lease.NewController(clock.RealClock{}, n.cfg.Client, n.cfg.Name, int32(n.cfg.LeaseDuration/time.Second), n.Notify,
		n.cfg.LeaseDuration/4, n.cfg.Name, v1.NamespaceNodeLease, n.ownLease)
}

// ownLease makes the Lease go when the Node goes.
func (n *Node) ownLease(l *coordinationv1.Lease) error {
	node := n.newest()
	if node == nil || len(l.OwnerReferences) > 0 {
		return nil
	}
	l.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}}
	return nil
}
