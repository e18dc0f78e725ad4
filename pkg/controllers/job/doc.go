// Package job runs pods until as many have succeeded as a Job asks for.
//
// It owns the pods that a Job controls, the finalizer batch.kubernetes.io/job-tracking on them, and the Job's status. In
// come Jobs and pods; out go pods, finalizer patches and status writes. Old Jobs are deleted by package ttlafterfinished.
//
// Counting is exact across crashes: an ended pod is first written into status.uncountedTerminatedPods, then loses its
// finalizer, then is moved into the counters. A pod without the finalizer has been counted.
//
// backoff.go knows how long the next pod must wait, count.go counts, rules.go applies the pod failure and success policies, plan.go decides, indexes.go writes sets of
// numbers. plan_test.go, rules_test.go and indexes_test.go show the decisions, controller_test.go whole
// Jobs.
package job
