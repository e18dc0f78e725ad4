package disruption

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// newBudget makes a budget with "min" or "max", as number or percentage.
func newBudget(rule string) *policy.PodDisruptionBudget {
	budget := &policy.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "b", Generation: 1},
		Spec:       policy.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
	}
	kind, text, _ := strings.Cut(rule, " ")
	value := intstr.Parse(text)
	if kind == "min" {
		budget.Spec.MinAvailable = &value
	} else {
		budget.Spec.MaxUnavailable = &value
	}
	return budget
}

func newPods(ready, unready, ending int) []*v1.Pod {
	var all []*v1.Pod
	for i := range ready + unready + ending {
		pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("p%d", i), Labels: map[string]string{"app": "web"}}}
		if i < ready || i >= ready+unready {
			pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}}
		}
		if i >= ready+unready {
			pod.DeletionTimestamp = &metav1.Time{Time: start}
		}
		all = append(all, pod)
	}
	return all
}

func TestPlan(t *testing.T) {
	tests := []struct {
		rule   string
		pods   []*v1.Pod
		wanted int
		want   string // allowed, healthy, desired, expected
	}{
		{"min 2", newPods(3, 0, 0), 0, "1 3 2 3"},
		{"min 2", newPods(1, 2, 0), 0, "0 1 2 3"},
		{"min 2", newPods(2, 0, 2), 0, "0 2 2 4"},
		{"min 50%", newPods(3, 0, 0), 5, "0 3 3 5"},
		{"min 50%", newPods(5, 0, 0), 5, "2 5 3 5"},
		{"max 1", newPods(3, 0, 0), 3, "1 3 2 3"},
		{"max 1", newPods(2, 1, 0), 3, "0 2 2 3"},
		{"max 30%", newPods(10, 0, 0), 10, "3 10 7 10"},
		{"max 25%", newPods(3, 0, 0), 3, "1 3 2 3"},
		{"max 5", newPods(3, 0, 0), 3, "3 3 0 3"},
		{"min 0", nil, 0, "0 0 0 0"},
	}
	for _, test := range tests {
		out := plan(observed{budget: newBudget(test.rule), pods: test.pods, wanted: test.wanted, now: start})
		if out.fault != nil {
			t.Fatal(out.fault)
		}
		now := out.status
		if got := fmt.Sprintf("%d %d %d %d", now.DisruptionsAllowed, now.CurrentHealthy, now.DesiredHealthy, now.ExpectedPods); got != test.want {
			t.Errorf("%s of %d pods: %s, want %s", test.rule, len(test.pods), got, test.want)
		}
	}
}

// Pods that were let go do not count until they are gone, or have taken too long.
func TestLeaving(t *testing.T) {
	budget := newBudget("min 1")
	budget.Status.DisruptedPods = map[string]metav1.Time{"p0": metav1.NewTime(start), "p1": metav1.NewTime(start.Add(-time.Hour)), "gone": metav1.NewTime(start)}
	out := plan(observed{budget: budget, pods: newPods(3, 0, 0), now: start.Add(30 * time.Second)})
	if out.fault != nil {
		t.Fatal(out.fault)
	}
	now, after := out.status, out.after
	if len(now.DisruptedPods) != 1 || now.CurrentHealthy != 2 || now.DisruptionsAllowed != 1 || after != 90*time.Second {
		t.Errorf("leaving %v, healthy %d, allowed %d, again after %v", now.DisruptedPods, now.CurrentHealthy, now.DisruptionsAllowed, after)
	}
}

func TestFail(t *testing.T) {
	budget := newBudget("max 1")
	budget.Status.DisruptionsAllowed = 3
	out := plan(observed{budget: budget, fault: errors.New("no controller"), now: start})
	now := out.status
	if c := now.Conditions[0]; now.DisruptionsAllowed != 0 || c.Reason != policy.SyncFailedReason || c.Message != "no controller" || out.fault == nil {
		t.Errorf("status %+v", now)
	}
}
