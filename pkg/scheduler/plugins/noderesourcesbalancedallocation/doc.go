// Package noderesourcesbalancedallocation is the plugin NodeResourcesBalancedAllocation: it prefers nodes on which, with
// the pod, all resources are taken in like measure, so that none is left over when another runs out.
//
// It extends preScore and score. Tests: TestScore.
package noderesourcesbalancedallocation
