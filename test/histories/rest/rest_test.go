package rest

import (
	"testing"

	apps "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"
)

func TestDeployment(t *testing.T) {
	whole := apps.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 3}
	for name, test := range map[string]struct {
		change func(*apps.Deployment)
		rests  bool
	}{
		"all there":    {func(*apps.Deployment) {}, true},
		"not observed": {func(d *apps.Deployment) { d.Generation = 3 }, false},
		"one too many": {func(d *apps.Deployment) { d.Status.Replicas = 4 }, false},
		"an old one":   {func(d *apps.Deployment) { d.Status.UpdatedReplicas = 2 }, false},
		"not ready":    {func(d *apps.Deployment) { d.Status.AvailableReplicas = 2 }, false},
		"paused":       {func(d *apps.Deployment) { d.Spec.Paused, d.Status.UpdatedReplicas = true, 2 }, true},
	} {
		d := &apps.Deployment{Spec: apps.DeploymentSpec{Replicas: ptr.To[int32](3)}, Status: whole}
		d.Generation = 2
		test.change(d)
		if err := Deployment(d); (err == nil) != test.rests {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatefulSet(t *testing.T) {
	whole := apps.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 3, CurrentRevision: "a", UpdateRevision: "a"}
	for name, test := range map[string]struct {
		change func(*apps.StatefulSet)
		rests  bool
	}{
		"all there":       {func(*apps.StatefulSet) {}, true},
		"not observed":    {func(s *apps.StatefulSet) { s.Generation = 3 }, false},
		"two revisions":   {func(s *apps.StatefulSet) { s.Status.UpdateRevision = "b" }, false},
		"one too few":     {func(s *apps.StatefulSet) { s.Status.Replicas = 2 }, false},
		"not available":   {func(s *apps.StatefulSet) { s.Status.AvailableReplicas = 1 }, false},
		"not yet updated": {func(s *apps.StatefulSet) { s.Status.UpdatedReplicas = 1 }, false},
	} {
		set := &apps.StatefulSet{Spec: apps.StatefulSetSpec{Replicas: ptr.To[int32](3)}, Status: whole}
		set.Generation = 2
		test.change(set)
		if err := StatefulSet(set); (err == nil) != test.rests {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDaemonSet(t *testing.T) {
	set := &apps.DaemonSet{Status: apps.DaemonSetStatus{DesiredNumberScheduled: 2, NumberAvailable: 2, UpdatedNumberScheduled: 2}}
	if err := DaemonSet(set, 2); err != nil {
		t.Error(err)
	}
	if err := DaemonSet(set, 3); err == nil {
		t.Error("two of three nodes are enough")
	}
	set.Status.NumberMisscheduled = 1
	if err := DaemonSet(set, 2); err == nil {
		t.Error("a pod may be where it should not")
	}
}
