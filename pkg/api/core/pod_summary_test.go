package core

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Pieces of pods for the table below.
var (
	running   = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	completed = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}}
	onExit1   = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}
	onSignal9 = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Signal: 9}}
)

func waiting(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
}

func TestSummarize(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	for _, tt := range []struct {
		name string
		pod  corev1.Pod
		want summary
	}{
		{"new", podOf(corev1.PodPending, nil, []corev1.ContainerStatus{}), summary{"0/1", "Pending", "0"}},
		{"gated", change(podOf(corev1.PodPending, nil, nil), func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "SchedulingGated"}}
		}), summary{"0/1", "SchedulingGated", "0"}},
		{"creating", podOf(corev1.PodPending, nil, []corev1.ContainerStatus{{State: waiting("ContainerCreating")}}), summary{"0/1", "ContainerCreating", "0"}},
		{"running", podOf(corev1.PodRunning, nil, []corev1.ContainerStatus{{Ready: true, State: running}}), summary{"1/1", "Running", "0"}},
		{"crashing", podOf(corev1.PodRunning, nil, []corev1.ContainerStatus{{
			RestartCount: 4, State: waiting("CrashLoopBackOff"), LastTerminationState: endedAt(3 * time.Minute),
		}}), summary{"0/1", "CrashLoopBackOff", "4 (3m ago)"}},
		{"restarts without a time", podOf(corev1.PodRunning, nil, []corev1.ContainerStatus{{RestartCount: 4, Ready: true, State: running}}), summary{"1/1", "Running", "4"}},
		{"exited", podOf(corev1.PodFailed, nil, []corev1.ContainerStatus{{State: onExit1}}), summary{"0/1", "ExitCode:1", "0"}},
		{"killed", podOf(corev1.PodFailed, nil, []corev1.ContainerStatus{{State: onSignal9}}), summary{"0/1", "Signal:9", "0"}},
		{"evicted", change(podOf(corev1.PodFailed, nil, nil), func(p *corev1.Pod) { p.Status.Reason = "Evicted" }), summary{"0/1", "Evicted", "0"}},
		{"first container wins", podOf(corev1.PodRunning, nil, []corev1.ContainerStatus{{State: waiting("ImagePullBackOff")}, {State: waiting("ErrImagePull")}}),
			summary{"0/2", "ImagePullBackOff", "0"}},
		{"half completed, ready", change(podOf(corev1.PodRunning, nil, []corev1.ContainerStatus{{State: completed}, {Ready: true, State: running}}), isReady),
			summary{"1/2", "Running", "0"}},
		{"half completed, not ready", podOf(corev1.PodRunning, nil, []corev1.ContainerStatus{{State: completed}, {Ready: true, State: running}}),
			summary{"1/2", "NotReady", "0"}},
		{"completed", podOf(corev1.PodSucceeded, nil, []corev1.ContainerStatus{{State: completed}}), summary{"0/1", "Completed", "0"}},
		{"init pending", podOf(corev1.PodPending, []corev1.ContainerStatus{{State: waiting("PodInitializing")}, {}}, []corev1.ContainerStatus{{State: waiting("PodInitializing")}}),
			summary{"0/1", "Init:0/2", "0"}},
		{"init half done", podOf(corev1.PodPending, []corev1.ContainerStatus{{State: completed}, {RestartCount: 1, State: running}}, []corev1.ContainerStatus{{State: waiting("PodInitializing")}}),
			summary{"0/1", "Init:1/2", "1"}},
		{"init crashing", podOf(corev1.PodPending, []corev1.ContainerStatus{{RestartCount: 2, State: waiting("CrashLoopBackOff")}}, []corev1.ContainerStatus{{}}),
			summary{"0/1", "Init:CrashLoopBackOff", "2"}},
		{"init failed", podOf(corev1.PodPending, []corev1.ContainerStatus{{State: onExit1}}, []corev1.ContainerStatus{{}}), summary{"0/1", "Init:ExitCode:1", "0"}},
		{"init killed", podOf(corev1.PodPending, []corev1.ContainerStatus{{State: onSignal9}}, []corev1.ContainerStatus{{}}), summary{"0/1", "Init:Signal:9", "0"}},
		{"init done", podOf(corev1.PodPending, []corev1.ContainerStatus{{RestartCount: 5, State: completed}}, []corev1.ContainerStatus{{State: waiting("PodInitializing")}}),
			summary{"0/1", "PodInitializing", "0"}},
		{"sidecar", change(podOf(corev1.PodRunning, []corev1.ContainerStatus{{RestartCount: 2, Ready: true, Started: new(true), State: running}}, []corev1.ContainerStatus{{RestartCount: 1, Ready: true, State: running}}),
			func(p *corev1.Pod) { p.Spec.InitContainers[0].RestartPolicy = &always }), summary{"2/2", "Running", "3"}},
		{"terminating", change(podOf(corev1.PodRunning, nil, []corev1.ContainerStatus{{Ready: true, State: running}}), isDeleted), summary{"1/1", "Terminating", "0"}},
		{"deleted after its end", change(podOf(corev1.PodSucceeded, nil, []corev1.ContainerStatus{{State: completed}}), isDeleted), summary{"0/1", "Completed", "0"}},
		{"node lost", change(podOf(corev1.PodRunning, nil, nil), func(p *corev1.Pod) {
			isDeleted(p)
			p.Status.Reason = "NodeLost"
		}), summary{"0/1", "Unknown", "0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if diff := cmp.Diff(tt.want, summarize(&tt.pod), cmp.AllowUnexported(summary{})); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// podOf makes a pod that has a container for every status, at least one.
func podOf(phase corev1.PodPhase, init, main []corev1.ContainerStatus) corev1.Pod {
	var p corev1.Pod
	p.Status.Phase = phase
	for i := range init {
		init[i].Name = "init-" + string(rune('a'+i))
		p.Spec.InitContainers = append(p.Spec.InitContainers, corev1.Container{Name: init[i].Name})
	}
	for i := range max(1, len(main)) {
		name := string(rune('a' + i))
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name})
		if i < len(main) {
			main[i].Name = name
		}
	}
	p.Status.InitContainerStatuses, p.Status.ContainerStatuses = init, main
	return p
}

func change(p corev1.Pod, by func(*corev1.Pod)) corev1.Pod {
	by(&p)
	return p
}

func isReady(p *corev1.Pod) {
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue})
}

func isDeleted(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} }

// endedAt is the end of a container so long before the first second of synctest's clock.
func endedAt(before time.Duration) corev1.ContainerState {
	at := metav1.NewTime(time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC).Add(-before))
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: at}}
}
