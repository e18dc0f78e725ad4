// Package resourcequota computes what the objects of a namespace use of its ResourceQuotas.
//
// It owns the status of quotas. In come quotas and all that they count; out go status writes. What an object costs is
// decided by package quota, which the admission plugin asks too: admission adds what is created to the status at once,
// and this controller takes away what has gone, and puts right what went wrong.
//
// Kinds for which the process has informers are counted there; for others that a quota names, custom resources for
// example, counter.go runs informers of metadata from when the kind is found until it goes. What cannot be counted keeps
// its last number and holds up nothing else. plan_test.go shows the status, controller_test.go all of this.
package resourcequota
