// Package batch owns the rules of batch/v1: jobs and cron jobs.
//
// In: v1 objects. Out: defaults filled in, the generated selector of a job (GenerateJobSelector), field.ErrorList and
// warnings. Pod templates are ruled by package core. It reads no clock; the set of time zones is that of the machine.
//
// *_test.go show each rule by one mutation of a valid object.
package batch
