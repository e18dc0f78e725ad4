// Package nodeunschedulable is the plugin NodeUnschedulable: a cordoned node takes only pods that tolerate the taint
// node.kubernetes.io/unschedulable.
//
// It extends filter. Tests: TestFilter, TestHints.
package nodeunschedulable
