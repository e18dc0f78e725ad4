package controltest

import (
	"encoding/json"
	"errors"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
)

func decode(data []byte) (object, error) {
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(data, &u.Object); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	u.Object, _ = integers(u.Object).(map[string]any)
	return u, nil
}

func (s *Server) create(c call) (object, error) {
	obj, err := decode(c.body)
	if err != nil {
		return nil, err
	}
	if c.subresource != "" {
		return nil, apierrors.NewMethodNotSupported(c.kind.GroupResource(), "create "+c.subresource)
	}
	if c.kind.Namespaced {
		obj.SetNamespace(c.name.Namespace)
	}
	obj.SetGroupVersionKind(c.kind.GroupVersion().WithKind(c.kind.Kind))
	return s.store.create(c.kind.GroupResource(), obj)
}

func (s *Server) update(c call) (object, error) {
	sent, err := decode(c.body)
	if err != nil {
		return nil, err
	}
	return s.store.modify(c.kind.GroupResource(), c.name, func(obj object) error {
		if v := sent.GetResourceVersion(); v != "" && v != obj.GetResourceVersion() {
			return apierrors.NewConflict(c.kind.GroupResource(), c.name.Name, errors.New("the object has been modified"))
		}
		if uid := sent.GetUID(); uid != "" && uid != obj.GetUID() {
			return apierrors.NewConflict(c.kind.GroupResource(), c.name.Name, errPrecondition("UID"))
		}
		merge(obj, sent, c.subresource)
		return nil
	})
}

// merge takes from sent what a write to the subresource may change.
func merge(obj, sent object, subresource string) {
	switch subresource {
	case "status":
		obj.Object["status"] = sent.Object["status"]
		obj.SetAnnotations(sent.GetAnnotations()) // most kinds let metadata pass
	case "approval":
		// Approving writes the conditions, and only those.
		conditions, found, _ := unstructured.NestedSlice(sent.Object, "status", "conditions")
		if found {
			_ = unstructured.SetNestedSlice(obj.Object, conditions, "status", "conditions")
		}
	case "finalize":
		finalizers, found, _ := unstructured.NestedSlice(sent.Object, "spec", "finalizers")
		if !found {
			finalizers = nil
		}
		_ = unstructured.SetNestedSlice(obj.Object, finalizers, "spec", "finalizers")
	default:
		old := obj.DeepCopy()
		obj.Object = sent.DeepCopy().Object
		if _, has := old.Object["status"]; has {
			obj.Object["status"] = old.Object["status"]
		} else {
			delete(obj.Object, "status")
		}
		obj.SetGroupVersionKind(old.GroupVersionKind())
		obj.SetUID(old.GetUID())
		obj.SetCreationTimestamp(old.GetCreationTimestamp())
		obj.SetDeletionTimestamp(old.GetDeletionTimestamp())
		obj.SetDeletionGracePeriodSeconds(old.GetDeletionGracePeriodSeconds())
		obj.SetGeneration(old.GetGeneration())
	}
	if obj.Object["status"] == nil {
		delete(obj.Object, "status")
	}
}

func (s *Server) patch(c call, kind types.PatchType) (object, error) {
	return s.store.modify(c.kind.GroupResource(), c.name, func(obj object) error {
		before, err := json.Marshal(obj.Object)
		if err != nil {
			return err
		}
		after, err := s.apply(c, kind, before)
		if err != nil {
			return err
		}
		sent, err := decode(after)
		if err != nil {
			return err
		}
		if uid := sent.GetUID(); uid != obj.GetUID() {
			return apierrors.NewConflict(c.kind.GroupResource(), c.name.Name, errPrecondition("UID"))
		}
		if v := sent.GetResourceVersion(); v != obj.GetResourceVersion() {
			return apierrors.NewConflict(c.kind.GroupResource(), c.name.Name, errors.New("the object has been modified"))
		}
		merge(obj, sent, c.subresource)
		return nil
	})
}

// apply patches encoded JSON.
func (s *Server) apply(c call, kind types.PatchType, before []byte) ([]byte, error) {
	switch kind {
	case types.MergePatchType:
		return jsonpatch.MergePatch(before, c.body)
	case types.JSONPatchType:
		patch, err := jsonpatch.DecodePatch(c.body)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		return patch.Apply(before)
	case types.StrategicMergePatchType:
		typed, err := scheme.Scheme.New(c.kind.GroupVersion().WithKind(c.kind.Kind))
		if err != nil {
			return nil, apierrors.NewBadRequest("strategic merge patch of a custom resource")
		}
		return strategicpatch.StrategicMergePatch(before, c.body, typed)
	default:
		return nil, apierrors.NewBadRequest("patch type " + string(kind))
	}
}
