// Package cronjob makes Jobs at the times that CronJobs name.
//
// It owns the Jobs that a CronJob controls (their making, and the deletion of old ones), and the CronJob's status. In come
// CronJobs and Jobs; out go Jobs and status writes. It touches no pods.
//
// A time is met once: the name of its Job follows from it, so that a second attempt finds it taken. schedule.go reads
// schedules, plan.go decides. schedule_test.go and plan_test.go show both, controller_test.go the controller.
package cronjob
