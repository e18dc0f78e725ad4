package rest

import (
	"fmt"

	apps "k8s.io/api/apps/v1"
)

// Deployment is at rest when it has all the pods it wants, of its template, and no others; a paused one when it knows that it is.
func Deployment(d *apps.Deployment) error {
	s, n := d.Status, *d.Spec.Replicas
	switch {
	case s.ObservedGeneration != d.Generation:
		return fmt.Errorf("Deployment %s has not observed generation %d", d.Name, d.Generation)
	case d.Spec.Paused:
	case s.Replicas != n || s.UpdatedReplicas != n || s.AvailableReplicas != n:
		return fmt.Errorf("Deployment %s wants %d pods and has %d, %d updated, %d available", d.Name, n, s.Replicas, s.UpdatedReplicas, s.AvailableReplicas)
	}
	return nil
}

// StatefulSet is at rest when it has all the pods it wants, of one revision, and no others.
func StatefulSet(set *apps.StatefulSet) error {
	s, n := set.Status, *set.Spec.Replicas
	if s.ObservedGeneration != set.Generation || s.Replicas != n || s.UpdatedReplicas != n || s.AvailableReplicas != n || s.CurrentRevision != s.UpdateRevision {
		return fmt.Errorf("StatefulSet %s wants %d pods of generation %d and has %+v", set.Name, n, set.Generation, s)
	}
	return nil
}

// DaemonSet is at rest when it has one available pod of its template on each of so many nodes, and no others.
func DaemonSet(set *apps.DaemonSet, nodes int32) error {
	s := set.Status
	if s.ObservedGeneration != set.Generation || s.DesiredNumberScheduled != nodes || s.NumberAvailable != nodes || s.UpdatedNumberScheduled != nodes || s.NumberMisscheduled != 0 {
		return fmt.Errorf("DaemonSet %s of generation %d for %d nodes has %+v", set.Name, set.Generation, nodes, s)
	}
	return nil
}
