package job

import (
	"testing"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func podsOf(t *testing.T, s *controltest.Server) []*v1.Pod {
	return controltest.List[v1.Pod](t, s, "", "pods", "default")
}

func jobOf(t *testing.T, s *controltest.Server) *batch.Job {
	return controltest.List[batch.Job](t, s, "batch", "jobs", "default")[0]
}

// finish ends all pods that run with a phase.
func finish(t *testing.T, s *controltest.Server, phase v1.PodPhase) {
	for _, pod := range podsOf(t, s) {
		if pod.Status.Phase != v1.PodSucceeded && pod.Status.Phase != v1.PodFailed {
			controltest.Change(t, s, pod, func(pod *v1.Pod) { pod.Status.Phase = phase })
		}
	}
}

func TestIndexedJob(t *testing.T) {
	s := controltest.NewServer(t, newJob(withIndexes(5), func(job *batch.Job) { two := int32(2); job.Spec.Parallelism = &two }))
	controltest.Run(t, s, New)
	s.Wait(t, "the job is complete", func() bool {
		finish(t, s, v1.PodSucceeded)
		return ended(jobOf(t, s))
	})
	got := jobOf(t, s).Status
	if got.Succeeded != 5 || got.Failed != 0 || got.CompletedIndexes != "0-4" || got.CompletionTime == nil || findCondition(got, batch.JobComplete) == nil {
		t.Errorf("status %+v", got)
	}
	if n := s.Count("create pods"); n != 5 {
		t.Errorf("created %d pods, want 5", n)
	}
	for _, pod := range podsOf(t, s) {
		if tracked(pod) || pod.Spec.Hostname != "sum-"+pod.Annotations[batch.JobCompletionIndexAnnotation] || pod.Spec.Containers[0].Env[0].Name != indexVariable {
			t.Errorf("pod %s: finalizers %v, host %s, environment %v", pod.Name, pod.Finalizers, pod.Spec.Hostname, pod.Spec.Containers[0].Env)
		}
	}
}

func TestFailedJob(t *testing.T) {
	s := controltest.NewServer(t, newJob(backoff(0)))
	events := controltest.Run(t, s, New)
	s.Wait(t, "the job has failed", func() bool {
		finish(t, s, v1.PodFailed)
		return ended(jobOf(t, s))
	})
	got := jobOf(t, s).Status
	if c := findCondition(got, batch.JobFailed); got.Failed != 1 || c == nil || c.Reason != batch.JobReasonBackoffLimitExceeded {
		t.Errorf("status %+v", got)
	}
	<-events.Events // the pod's creation
	if event, want := <-events.Events, "Warning BackoffLimitExceeded Job has reached the specified backoff limit"; event != want {
		t.Errorf("event %q, want %q", event, want)
	}
}

// Pods of a Job that has gone lose their finalizer.
func TestStrays(t *testing.T) {
	stray := parsePod("stray")
	stray.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(&metav1.ObjectMeta{Name: "gone", UID: "x"}, batch.SchemeGroupVersion.WithKind("Job"))}
	s := controltest.NewServer(t, stray, parsePod("loose"))
	controltest.Run(t, s, New)
	s.Wait(t, "both pods are free", func() bool { return !tracked(podsOf(t, s)[0]) && !tracked(podsOf(t, s)[1]) })
}
