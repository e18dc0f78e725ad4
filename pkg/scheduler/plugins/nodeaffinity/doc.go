// Package nodeaffinity is the plugin NodeAffinity: a node takes a pod only if it matches the pod's nodeSelector and
// required node affinity, and the affinity that the configuration adds to all pods. It ranks nodes by the preferred
// terms that they match.
//
// It extends preFilter, filter, preScore and score. Pods that name their node by metadata.name, as those of daemon sets
// do, are not matched against all nodes. Tests: TestFilter, TestScore, TestHints.
package nodeaffinity
