// Package nodes lives through the life of clusters of one node and of several on one machine: pods of all nodes reach each
// other, nodes lose their power and come back, everything is killed and comes back, and when the cluster is taken down the
// machine is as it was. It imports nothing of the product.
//
// The tests run in namespaces of their own (package box), in which the machine can be compared before and after.
package nodes
