package disruption

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// wantedBy adds up how many pods the controllers of these pods want, each controller once. Pods without a controller are
// wanted by nobody; it counts them.
func (r *reconciler) wantedBy(ctx context.Context, pods []*v1.Pod) (total, unmanaged int, err error) {
	seen := map[types.UID]bool{}
	for _, pod := range pods {
		ref := metav1.GetControllerOfNoCopy(pod)
		if ref == nil {
			unmanaged++
			continue
		}
		uid, wanted, err := r.wanted(ctx, pod.Namespace, ref)
		if err != nil {
			return 0, 0, err
		}
		if !seen[uid] {
			seen[uid] = true
			total += int(wanted)
		}
	}
	return total, unmanaged, nil
}

// wanted finds the object that decides about a controller's number, which is a Deployment for ReplicaSets that have one,
// and that number.
func (r *reconciler) wanted(ctx context.Context, namespace string, ref *metav1.OwnerReference) (types.UID, int32, error) {
	number := func(replicas *int32) int32 {
		if replicas == nil {
			return 1
		}
		return *replicas
	}
	switch ref.Kind {
	case "ReplicaSet":
		set, err := r.sets.ReplicaSets(namespace).Get(ref.Name)
		if apierrors.IsNotFound(err) {
			return ref.UID, 0, nil
		}
		if err != nil {
			return "", 0, fmt.Errorf("read replica set: %w", err)
		}
		if parent := metav1.GetControllerOfNoCopy(set); parent != nil && parent.Kind == "Deployment" {
			d, err := r.deployments.Deployments(namespace).Get(parent.Name)
			if err == nil && d.UID == parent.UID {
				return d.UID, number(d.Spec.Replicas), nil
			}
		}
		return set.UID, number(set.Spec.Replicas), nil
	case "StatefulSet":
		set, err := r.stateful.StatefulSets(namespace).Get(ref.Name)
		if apierrors.IsNotFound(err) {
			return ref.UID, 0, nil
		}
		if err != nil {
			return "", 0, fmt.Errorf("read stateful set: %w", err)
		}
		return set.UID, number(set.Spec.Replicas), nil
	case "ReplicationController":
		rc, err := r.rcs.ReplicationControllers(namespace).Get(ref.Name)
		if apierrors.IsNotFound(err) {
			return ref.UID, 0, nil
		}
		if err != nil {
			return "", 0, fmt.Errorf("read replication controller: %w", err)
		}
		return rc.UID, number(rc.Spec.Replicas), nil
	default:
		return r.scaleOf(ctx, namespace, ref)
	}
}

// scaleOf asks the scale subresource of a controller of another kind.
func (r *reconciler) scaleOf(ctx context.Context, namespace string, ref *metav1.OwnerReference) (types.UID, int32, error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return "", 0, fmt.Errorf("read API version of controller %s %q: %w", ref.Kind, ref.Name, err)
	}
	mapping, err := r.mapper.RESTMapping(gv.WithKind(ref.Kind).GroupKind(), gv.Version)
	if err != nil {
		return "", 0, fmt.Errorf("find resource of controller %s %q: %w", ref.Kind, ref.Name, err)
	}
	scale, err := r.scales.Scales(namespace).Get(ctx, mapping.Resource.GroupResource(), ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", 0, fmt.Errorf("%s does not implement the scale subresource", mapping.Resource.GroupResource())
	}
	if err != nil {
		return "", 0, fmt.Errorf("read scale of %s %q: %w", ref.Kind, ref.Name, err)
	}
	return ref.UID, scale.Spec.Replicas, nil
}
