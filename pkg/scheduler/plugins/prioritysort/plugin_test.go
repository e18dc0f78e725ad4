package prioritysort

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// queued is a pod of some priority in the queue since some second.
type queued struct {
	framework.QueuedPodInfo
	priority int32
	second   int64
}

func (q queued) GetPodInfo() framework.PodInfo {
	info, err := cache.NewPodInfo(&v1.Pod{Spec: v1.PodSpec{Priority: &q.priority}})
	if err != nil {
		panic(err)
	}
	return info
}

func (q queued) GetTimestamp() time.Time { return time.Unix(q.second, 0) }

func TestLess(t *testing.T) {
	plugin, err := New(context.Background(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		a, b queued
		want bool
	}{
		{name: "higher priority", a: queued{priority: 2, second: 9}, b: queued{priority: 1, second: 1}, want: true},
		{name: "lower priority", a: queued{priority: -1, second: 1}, b: queued{priority: 0, second: 9}},
		{name: "earlier", a: queued{second: 1}, b: queued{second: 2}, want: true},
		{name: "later", a: queued{second: 2}, b: queued{second: 1}},
		{name: "equal", a: queued{second: 1}, b: queued{second: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, plugin.(framework.QueueSortPlugin).Less(tt.a, tt.b)); diff != "" {
				t.Errorf("less (-want +got):\n%s", diff)
			}
		})
	}
}
