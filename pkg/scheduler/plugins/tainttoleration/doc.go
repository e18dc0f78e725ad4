// Package tainttoleration is the plugin TaintToleration: a node with a taint (NoSchedule, NoExecute) takes only pods that
// tolerate it, and one with a PreferNoSchedule taint is left for last.
//
// It extends filter, preScore and score, and holds nothing between cycles. Tests: TestFilter, TestScore, TestHints.
package tainttoleration
