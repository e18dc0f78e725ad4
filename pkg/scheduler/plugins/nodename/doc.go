// Package nodename is the plugin NodeName: a pod that names its node fits on no other.
//
// It extends filter. Pods with a node do not come to the scheduler; the plugin matters to those who ask whether a pod
// would fit, such as preemption's dry runs on a clone. Tests: TestFilter.
package nodename
