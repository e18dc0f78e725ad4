// Package probes runs the start-up, readiness and liveness probes of containers.
//
// It owns one goroutine and one timer for each probe of each running container instance, and the counting of results
// against thresholds ([counter], pure). In come targets: which containers of a pod run, and where ([Manager.Set]); out go
// verdicts that have passed their threshold, through Config.Notify, and Unhealthy events. It never kills or restarts
// anything. TestCounter shows the thresholds, TestManager the timing under a synthetic clock.
package probes
