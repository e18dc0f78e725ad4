package replicaset

import (
	"context"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// New makes the controller of ReplicaSets.
func New(d control.Dependencies) (control.Controller, error) {
	return (&reconciler[apps.ReplicaSet, *apps.ReplicaSet]{
		Workload: control.Workload[apps.ReplicaSet, *apps.ReplicaSet]{
			Dependencies: d, Kind: apps.SchemeGroupVersion.WithKind("ReplicaSet"), Owners: d.Informers.Apps().V1().ReplicaSets().Informer(),
			Selector: func(set *apps.ReplicaSet) (labels.Selector, error) {
				return metav1.LabelSelectorAsSelector(set.Spec.Selector)
			},
			Live: func(ctx context.Context, namespace, name string) (*apps.ReplicaSet, error) {
				return d.Client.AppsV1().ReplicaSets(namespace).Get(ctx, name, metav1.GetOptions{})
			},
		},
		pods: d.Informers.Core().V1().Pods().Informer(),
		form: func(set *apps.ReplicaSet) *apps.ReplicaSet { return set }, countEnding: true,
		writeStatus: func(ctx context.Context, set *apps.ReplicaSet, status apps.ReplicaSetStatus) error {
			changed := set.DeepCopy()
			changed.Status = status
			return control.WriteStatus(ctx, d.Client.AppsV1().ReplicaSets(set.Namespace), changed, set.Status, status)
		},
	}).loop()
}

// NewForReplicationControllers makes the controller of ReplicationControllers.
func NewForReplicationControllers(d control.Dependencies) (control.Controller, error) {
	return (&reconciler[v1.ReplicationController, *v1.ReplicationController]{
		Workload: control.Workload[v1.ReplicationController, *v1.ReplicationController]{
			Dependencies: d, Kind: v1.SchemeGroupVersion.WithKind("ReplicationController"),
			Owners: d.Informers.Core().V1().ReplicationControllers().Informer(),
			Selector: func(rc *v1.ReplicationController) (labels.Selector, error) {
				return labels.SelectorFromSet(rc.Spec.Selector), nil
			},
			Live: func(ctx context.Context, namespace, name string) (*v1.ReplicationController, error) {
				return d.Client.CoreV1().ReplicationControllers(namespace).Get(ctx, name, metav1.GetOptions{})
			},
		},
		pods: d.Informers.Core().V1().Pods().Informer(), form: asReplicaSet,
		writeStatus: func(ctx context.Context, rc *v1.ReplicationController, status apps.ReplicaSetStatus) error {
			changed := rc.DeepCopy()
			changed.Status = asRCStatus(status)
			return control.WriteStatus(ctx, d.Client.CoreV1().ReplicationControllers(rc.Namespace), changed, rc.Status, changed.Status)
		},
	}).loop()
}

// asReplicaSet is rc in the form of a ReplicaSet. It shares memory with rc.
func asReplicaSet(rc *v1.ReplicationController) *apps.ReplicaSet {
	set := &apps.ReplicaSet{
		ObjectMeta: rc.ObjectMeta,
		Spec: apps.ReplicaSetSpec{
			Replicas:        rc.Spec.Replicas,
			MinReadySeconds: rc.Spec.MinReadySeconds,
			Selector:        &metav1.LabelSelector{MatchLabels: rc.Spec.Selector},
		},
		Status: apps.ReplicaSetStatus{
			Replicas:             rc.Status.Replicas,
			FullyLabeledReplicas: rc.Status.FullyLabeledReplicas,
			ReadyReplicas:        rc.Status.ReadyReplicas,
			AvailableReplicas:    rc.Status.AvailableReplicas,
			ObservedGeneration:   rc.Status.ObservedGeneration,
		},
	}
	if rc.Spec.Template != nil {
		set.Spec.Template = *rc.Spec.Template
	}
	for _, c := range rc.Status.Conditions {
		set.Status.Conditions = append(set.Status.Conditions, apps.ReplicaSetCondition{
			Type: apps.ReplicaSetConditionType(c.Type), Status: c.Status, LastTransitionTime: c.LastTransitionTime, Reason: c.Reason, Message: c.Message,
		})
	}
	return set
}

// asRCStatus is the way back.
func asRCStatus(status apps.ReplicaSetStatus) v1.ReplicationControllerStatus {
	rc := v1.ReplicationControllerStatus{
		Replicas:             status.Replicas,
		FullyLabeledReplicas: status.FullyLabeledReplicas,
		ReadyReplicas:        status.ReadyReplicas,
		AvailableReplicas:    status.AvailableReplicas,
		ObservedGeneration:   status.ObservedGeneration,
	}
	for _, c := range status.Conditions {
		rc.Conditions = append(rc.Conditions, v1.ReplicationControllerCondition{
			Type: v1.ReplicationControllerConditionType(c.Type), Status: c.Status, LastTransitionTime: c.LastTransitionTime, Reason: c.Reason, Message: c.Message,
		})
	}
	return rc
}
