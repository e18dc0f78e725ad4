// Package imagelocality is the plugin ImageLocality: it prefers nodes that have the pod's images already, the more so the
// larger these are and the more nodes have them (so that one node's image does not draw all pods to it).
//
// It extends score. Tests: TestScore, TestNormalName.
package imagelocality
