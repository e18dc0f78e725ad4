// Package podtopology is the admission plugin PodTopologyLabels: a pod that is bound to a node gets the node's zone and
// region as labels, so that it can read them by the downward API (KEP-4742).
//
// In: an informer of nodes. TestAdmit shows it.
package podtopology
