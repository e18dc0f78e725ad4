// Package noderestriction is the admission plugin NodeRestriction: what the Node authorizer lets a kubelet write, it may
// write about its own node only: its Node (and of that no label under node-restriction.kubernetes.io/, no taint later), its
// mirror pods and the status of its pods, evictions of its pods, its Lease and CSINode, tokens for its pods.
//
// In: informers of pods. TestAdmit shows it.
package noderestriction
