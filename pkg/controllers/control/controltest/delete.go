package controltest

import (
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// remove starts the deletion of an object, which is its end when nothing holds it.
func (s *store) remove(resource schema.GroupResource, name types.NamespacedName, options metav1.DeleteOptions) (object, error) {
	return s.modify(resource, name, func(obj object) error {
		if p := options.Preconditions; p != nil {
			if p.UID != nil && *p.UID != obj.GetUID() {
				return apierrors.NewConflict(resource, name.Name, errPrecondition("UID"))
			}
			if p.ResourceVersion != nil && *p.ResourceVersion != obj.GetResourceVersion() {
				return apierrors.NewConflict(resource, name.Name, errPrecondition("resource version"))
			}
		}
		obj.SetFinalizers(withPropagation(obj.GetFinalizers(), options.PropagationPolicy))
		if obj.GetDeletionTimestamp() == nil {
			now := metav1.NewTime(time.Now().Truncate(time.Second))
			obj.SetDeletionTimestamp(&now)
		}
		grace := graceOf(obj, options.GracePeriodSeconds)
		obj.SetDeletionGracePeriodSeconds(&grace)
		if obj.GetKind() == "Namespace" {
			return unstructured.SetNestedField(obj.Object, "Terminating", "status", "phase")
		}
		return nil
	})
}

type errPrecondition string

func (e errPrecondition) Error() string { return string(e) + " in precondition does not match" }

// withPropagation adds the finalizer that stands for a propagation policy.
func withPropagation(finalizers []string, policy *metav1.DeletionPropagation) []string {
	if policy == nil {
		return finalizers
	}
	add, drop := "", ""
	switch *policy {
	case metav1.DeletePropagationOrphan:
		add, drop = metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents
	case metav1.DeletePropagationForeground:
		add, drop = metav1.FinalizerDeleteDependents, metav1.FinalizerOrphanDependents
	case metav1.DeletePropagationBackground:
		return slices.DeleteFunc(finalizers, func(f string) bool {
			return f == metav1.FinalizerOrphanDependents || f == metav1.FinalizerDeleteDependents
		})
	}
	finalizers = slices.DeleteFunc(finalizers, func(f string) bool { return f == drop })
	if !slices.Contains(finalizers, add) {
		finalizers = append(finalizers, add)
	}
	return finalizers
}

// graceOf is how long the object's end takes: only pods on a node that have not ended take any time.
func graceOf(obj object, wanted *int64) int64 {
	node, _, _ := unstructured.NestedString(obj.Object, "spec", "nodeName")
	phase, _, _ := unstructured.NestedString(obj.Object, "status", "phase")
	if obj.GetKind() != "Pod" || node == "" || phase == "Succeeded" || phase == "Failed" {
		return 0
	}
	if wanted != nil {
		return *wanted
	}
	if own, found, _ := unstructured.NestedInt64(obj.Object, "spec", "terminationGracePeriodSeconds"); found {
		return own
	}
	return 30
}
