// Package clusterroleaggregation fills ClusterRoles that have an aggregation rule with the rules of those that it selects.
//
// It owns the rules of such roles. In come ClusterRoles, out go ClusterRoles. controller_test.go shows it.
package clusterroleaggregation
