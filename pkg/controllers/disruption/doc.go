// Package disruption reckons how many pods of a PodDisruptionBudget may be evicted now.
//
// It owns the status of budgets. In come budgets, pods and the controllers of pods (whose wanted numbers percentages are
// of; for kinds that are not known here the scale subresource is asked); out go status writes. The eviction subresource
// of the API server reads that status and notes in it the pods that it lets go.
//
// plan_test.go shows the numbers, controller_test.go the controller.
package disruption
