package deployment

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
)

// reasons are the conditions in short.
func reasons(status apps.DeploymentStatus) map[string]string {
	found := map[string]string{}
	for _, c := range status.Conditions {
		found[string(c.Type)] = string(c.Status) + " " + c.Reason
	}
	return found
}

func TestConditions(t *testing.T) {
	with := func(at time.Time, reason string, status v1.ConditionStatus) func(*apps.Deployment) {
		return func(d *apps.Deployment) {
			d.Status.Conditions = []apps.DeploymentCondition{*progressing(status, reason, "", at)}
		}
	}
	quota := func(set *apps.ReplicaSet) {
		set.Status.Conditions = []apps.ReplicaSetCondition{{Type: apps.ReplicaSetReplicaFailure, Status: "True", Reason: "FailedCreate"}}
	}
	tests := []struct {
		name  string
		d     *apps.Deployment
		sets  []*apps.ReplicaSet
		want  map[string]string
		after time.Duration
	}{
		{
			name: "created", d: newDeployment(2), after: 600 * time.Second,
			want: map[string]string{"Available": "False MinimumReplicasUnavailable", "Progressing": "True NewReplicaSetCreated"},
		},
		{
			name: "found", d: newDeployment(2), sets: []*apps.ReplicaSet{newSet("v1", 2, 2, sizedFor(2, 3))},
			want: map[string]string{"Available": "True MinimumReplicasAvailable", "Progressing": "True FoundNewReplicaSet"},
		},
		{
			name: "complete", d: newDeployment(2, with(start, "NewReplicaSetCreated", "True")), sets: []*apps.ReplicaSet{newSet("v1", 2, 2, sizedFor(2, 3))},
			want: map[string]string{"Available": "True MinimumReplicasAvailable", "Progressing": "True NewReplicaSetAvailable"},
		},
		{
			name: "on the way", d: newDeployment(2, with(start.Add(-time.Minute), "NewReplicaSetCreated", "True")), sets: []*apps.ReplicaSet{newSet("v1", 2, 1, sizedFor(2, 3))},
			want: map[string]string{"Available": "False MinimumReplicasUnavailable", "Progressing": "True ReplicaSetUpdated"}, after: 600 * time.Second,
		},
		{
			name: "late",
			d: newDeployment(2, with(start.Add(-time.Hour), "ReplicaSetUpdated", "True"), func(d *apps.Deployment) {
				d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = 2, 2, 1, 1
			}),
			sets: []*apps.ReplicaSet{newSet("v1", 2, 1, sizedFor(2, 3))},
			want: map[string]string{"Available": "False MinimumReplicasUnavailable", "Progressing": "False ProgressDeadlineExceeded"},
		},
		{
			name: "refused pods", d: newDeployment(2, with(start, "NewReplicaSetCreated", "True")), sets: []*apps.ReplicaSet{newSet("v1", 2, 0, sizedFor(2, 3), quota)},
			want: map[string]string{
				"Available": "False MinimumReplicasUnavailable", "Progressing": "True ReplicaSetUpdated", "ReplicaFailure": "True FailedCreate",
			}, after: 600 * time.Second,
		},
		{
			name: "paused", d: newDeployment(2, paused), sets: []*apps.ReplicaSet{newSet("v1", 2, 2, sizedFor(2, 3))},
			want: map[string]string{"Available": "True MinimumReplicasAvailable", "Progressing": "Unknown DeploymentPaused"},
		},
		{
			name: "finished rollouts do not care for pods that fail later", d: newDeployment(2, with(start.Add(-time.Hour), "NewReplicaSetAvailable", "True")),
			sets: []*apps.ReplicaSet{newSet("v1", 2, 0, sizedFor(2, 3))},
			want: map[string]string{"Available": "False MinimumReplicasUnavailable", "Progressing": "True NewReplicaSetAvailable"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, err := plan(observed{deployment: test.d, sets: test.sets, now: start})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, reasons(out.status)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			if out.after != test.after {
				t.Errorf("next look after %v, want %v", out.after, test.after)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	d := newDeployment(3, func(d *apps.Deployment) { d.Spec.Template = template("v2"); d.Generation = 7 })
	out, err := plan(observed{deployment: d, now: start, sets: []*apps.ReplicaSet{newSet("v1", 2, 2, sizedFor(3, 4)), newSet("v2", 2, 1, sizedFor(3, 4))}})
	if err != nil {
		t.Fatal(err)
	}
	status := out.status
	status.Conditions = nil
	want := apps.DeploymentStatus{ObservedGeneration: 7, Replicas: 4, UpdatedReplicas: 2, ReadyReplicas: 3, AvailableReplicas: 3, UnavailableReplicas: 1}
	if diff := cmp.Diff(want, status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
