// Package nodeports is the plugin NodePorts: a node takes a pod with host ports only if no pod on it uses one of them on
// the same address and protocol.
//
// It extends preFilter and filter. Tests: TestFilter, TestHints.
package nodeports
