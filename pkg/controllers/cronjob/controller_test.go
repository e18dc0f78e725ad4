package cronjob

import (
	"testing"
	"time"

	batch "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func TestController(t *testing.T) {
	s := controltest.NewServer(t, newCron(func(cron *batch.CronJob) {
		cron.Spec.Schedule = "@every 1s"
		cron.Spec.ConcurrencyPolicy = batch.ForbidConcurrent
		cron.CreationTimestamp = metav1.NewTime(time.Now().Truncate(time.Second))
	}))
	controltest.Run(t, s, New)
	status := func() batch.CronJobStatus {
		return controltest.List[batch.CronJob](t, s, "batch", "cronjobs", "default")[0].Status
	}
	s.Wait(t, "a job is made and noted", func() bool { return len(status().Active) == 1 && status().LastScheduleTime != nil })
	jobs := controltest.List[batch.Job](t, s, "batch", "jobs", "default")
	if len(jobs) != 1 || jobs[0].Name != status().Active[0].Name || !metav1.IsControlledBy(jobs[0], controltest.List[batch.CronJob](t, s, "batch", "cronjobs", "default")[0]) {
		t.Errorf("jobs %v, active %v", jobs, status().Active)
	}
}
