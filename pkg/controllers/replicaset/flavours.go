package replicaset

import (
	"context"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

func labelsOf(pod *v1.Pod) labels.Set { return labels.Set(pod.Labels) }

func replicaSets(d control.Dependencies) flavour {
	informer := d.Informers.Apps().V1().ReplicaSets()
	return flavour{
		kind:        apps.SchemeGroupVersion.WithKind("ReplicaSet"),
		sets:        informer.Informer(),
		countEnding: true,
		writes:      control.Shows[apps.ReplicaSet](informer.Informer()),
		watch: control.Watch(informer.Informer(), func(old, now *apps.ReplicaSet) []control.Key {
			set := control.Latest(old, now)
			return []control.Key{control.KeyOf(set.Namespace, set.Name)}
		}),
		cached: func(key control.Key) (*apps.ReplicaSet, runtime.Object, error) {
			set, err := informer.Lister().ReplicaSets(key.Namespace).Get(key.Name)
			return set, set, err
		},
		live: func(ctx context.Context, namespace, name string) (metav1.Object, error) {
			return d.Client.AppsV1().ReplicaSets(namespace).Get(ctx, name, metav1.GetOptions{})
		},
		updateStatus: func(ctx context.Context, set *apps.ReplicaSet, status apps.ReplicaSetStatus) error {
			set = set.DeepCopy()
			set.Status = status
			_, err := control.UpdateStatus(ctx, d.Client.AppsV1().ReplicaSets(set.Namespace), set)
			return err
		},
	}
}

func replicationControllers(d control.Dependencies) flavour {
	informer := d.Informers.Core().V1().ReplicationControllers()
	return flavour{
		kind:   v1.SchemeGroupVersion.WithKind("ReplicationController"),
		sets:   informer.Informer(),
		writes: control.Shows[v1.ReplicationController](informer.Informer()),
		watch: control.Watch(informer.Informer(), func(old, now *v1.ReplicationController) []control.Key {
			rc := control.Latest(old, now)
			return []control.Key{control.KeyOf(rc.Namespace, rc.Name)}
		}),
		cached: func(key control.Key) (*apps.ReplicaSet, runtime.Object, error) {
			rc, err := informer.Lister().ReplicationControllers(key.Namespace).Get(key.Name)
			if err != nil {
				return nil, nil, err
			}
			return asReplicaSet(rc), rc, nil
		},
		live: func(ctx context.Context, namespace, name string) (metav1.Object, error) {
			return d.Client.CoreV1().ReplicationControllers(namespace).Get(ctx, name, metav1.GetOptions{})
		},
		updateStatus: func(ctx context.Context, set *apps.ReplicaSet, status apps.ReplicaSetStatus) error {
			rc, err := informer.Lister().ReplicationControllers(set.Namespace).Get(set.Name)
			if err != nil {
				return err
			}
			rc = rc.DeepCopy()
			rc.ResourceVersion = set.ResourceVersion
			rc.Status = asRCStatus(status)
			_, err = control.UpdateStatus(ctx, d.Client.CoreV1().ReplicationControllers(rc.Namespace), rc)
			return err
		},
	}
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
