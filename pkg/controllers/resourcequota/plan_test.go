package resourcequota

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlan(t *testing.T) {
	for _, tt := range []struct{ name, limits, hard, was, computed, want string }{
		{"new", "pods=5 cpu=2", "", "", "pods=3 cpu=1", "cpu=1 pods=3"},
		{"unchanged", "pods=5", "pods=5", "pods=3", "pods=3", ""},
		{"what could not be computed keeps its number", "pods=5 cpu=2", "pods=5 cpu=2", "pods=1 cpu=1", "pods=3", "cpu=1 pods=3"},
		{"a limit that has gone", "pods=5", "pods=5 memory=2Gi", "pods=3 memory=1Gi", "pods=3", "pods=3"},
		{"a limit that nothing measures", "pods=5 x/y=1", "pods=5", "pods=3", "pods=3", "pods=3"},
	} {
		one := newQuota(tt.limits)
		one.Status.Hard, one.Status.Used = parse(tt.hard), parse(tt.was)
		out := plan(observed{quota: one, used: parse(tt.computed), again: time.Minute})
		got := ""
		if out.update != nil {
			got = format(out.update.Status.Used)
			if diff := cmp.Diff(format(one.Spec.Hard), format(out.update.Status.Hard)); diff != "" {
				t.Errorf("%s: hard (-want +got):\n%s", tt.name, diff)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || out.after != time.Minute {
			t.Errorf("%s: again after %v, used (-want +got):\n%s", tt.name, out.after, diff)
		}
	}
}
