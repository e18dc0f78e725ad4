// Package noderestriction is the admission plugin NodeRestriction: what the Node authorizer lets a kubelet write, it may
// write about its own node only: its Node (and of that no label under node-restriction.kubernetes.io/, no taint later), its
// mirror pods and the status of its pods, evictions of its pods, its Lease and CSINode, tokens for its pods.
//
// A mirror pod may name no API object, for the Node authorizer lets a kubelet read what its pods name; which fields name
// one says pkg/apiserver/authz/node, for both.
//
// In: informers of pods and nodes, and a client for a node that is too new for them. TestAdmit shows it.
package noderestriction
