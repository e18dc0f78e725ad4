// Package quota says what objects cost in the terms of a ResourceQuota: pods by their containers, services, claims
// of volumes and of devices, and anything by its number. [Evaluators] lists them.
//
// An evaluator is of k8s.io/apiserver/pkg/quota/v1. The admission plugin ResourceQuota asks it what a new object costs, and
// the quota controller what all objects of a namespace cost together; both get the same answer. The package reads objects
// through the listers that it is given, and never writes.
//
// TestUsage, TestScopes and TestConstraints show it.
package quota
