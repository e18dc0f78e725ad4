// Package node authorizes kubelets (user system:node:NAME of the group system:nodes): each may read what the pods on
// its node use, and act on its own Node, Lease, CSINode and pods, and on nothing of other nodes (KEP-4601 and the
// documentation of the Node authorization mode).
//
// In: informers of pods, claims, volumes and their attachments, and the rules of the cluster role system:node, which bound the
// verbs. Out: an authorizer.Authorizer. There is no graph to keep: the pods of a node are an index away, and they are
// few. Mirror pods give no right: kubelets write them. [References] is the list of what pods name, here and for admission.
//
// TestAuthorize shows it, and TestReferences that no field of a pod was forgotten.
package node
