package profile

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/kube-scheduler/framework"
)

// permitter is a Permit plugin that asks to wait.
type permitter struct {
	name    string
	timeout time.Duration
}

func (p permitter) Name() string { return p.name }

func (p permitter) Permit(context.Context, framework.CycleState, *v1.Pod, string) (*framework.Status, time.Duration) {
	return framework.NewStatus(framework.Wait), p.timeout
}

func TestWaitingPods(t *testing.T) {
	tests := []struct {
		name string
		do   func(p *Profile, cancel context.CancelCauseFunc)
		want string
		// after is how long the pod waits.
		after time.Duration
	}{
		{name: "allowed by all", do: func(p *Profile, _ context.CancelCauseFunc) {
			p.IterateOverWaitingPods(func(w framework.WaitingPod) { w.Allow("a"); w.Allow("b") })
		}, want: "Success: "},
		{name: "allowed by one", do: func(p *Profile, _ context.CancelCauseFunc) { p.GetWaitingPod("u").Allow("a") }, want: "Unschedulable: timeout of 20s waiting at Permit", after: 20 * time.Second},
		{name: "shortest timeout", do: func(*Profile, context.CancelCauseFunc) {}, want: "Unschedulable: timeout of 10s waiting at Permit", after: 10 * time.Second},
		{name: "rejected", do: func(p *Profile, _ context.CancelCauseFunc) { p.GetWaitingPod("u").Reject("a", "no") }, want: "Unschedulable: no"},
		{name: "removed", do: func(p *Profile, _ context.CancelCauseFunc) { p.RejectWaitingPod("u") }, want: "Unschedulable: removed"},
		{name: "preempted", do: func(p *Profile, _ context.CancelCauseFunc) { p.GetWaitingPod("u").Preempt("a", "preempted") }, want: "Error: preempted"},
		{name: "end of all", do: func(_ *Profile, cancel context.CancelCauseFunc) { cancel(errors.New("over")) }, want: "Error: wait at Permit: over"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := build(t, 0, nil, &plugin{name: "x"})
				p.permit = []framework.PermitPlugin{permitter{"a", 10 * time.Second}, permitter{"b", 20 * time.Second}}
				ctx, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				pod := &v1.Pod{}
				pod.UID = "u"
				if status := p.RunPermitPlugins(ctx, NewCycleState(), pod, "n"); !status.IsWait() {
					t.Fatalf("status is %v, want Wait", status)
				}
				start, waited := time.Now(), make(chan *framework.Status)
				go func() { waited <- p.WaitOnPermit(ctx, pod) }()
				synctest.Wait()
				tt.do(p, cancel)
				status := <-waited
				if diff := cmp.Diff(tt.want, status.Code().String()+": "+status.Message()); diff != "" {
					t.Errorf("status (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.after, time.Since(start)); diff != "" {
					t.Errorf("waited (-want +got):\n%s", diff)
				}
				if p.GetWaitingPod("u") != nil {
					t.Error("the pod still waits")
				}
			})
		})
	}
}

func TestPodInPreBind(t *testing.T) {
	p, _ := build(t, 0, nil, &plugin{name: "x"})
	ctx, cancel := context.WithCancelCause(context.Background())
	p.AddPodInPreBind("u", cancel)
	if !p.GetPodInPreBind("u").CancelPod("preempted") || p.GetPodInPreBind("u").MarkPrebound() {
		t.Error("a canceled binding went on")
	}
	if diff := cmp.Diff("binding canceled: preempted", context.Cause(ctx).Error()); diff != "" {
		t.Errorf("cause (-want +got):\n%s", diff)
	}
	p.RemovePodInPreBind("u")
	if p.GetPodInPreBind("u") != nil {
		t.Error("the binding is still there")
	}
	p.AddPodInPreBind("v", cancel)
	if !p.GetPodInPreBind("v").MarkPrebound() || p.GetPodInPreBind("v").CancelPod("late") {
		t.Error("a finished binding was canceled")
	}
}
