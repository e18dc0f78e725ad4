package control

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// byController is the name of the index of objects by their controller.
const byController = "proa.sh/controller"

// IndexByController makes informer keep its objects by their controller. It is added once per informer, however many
// controllers ask for it.
func IndexByController(informer cache.SharedIndexInformer) error {
	return AddIndex(informer, byController, func(item any) ([]string, error) {
		obj, ok := item.(metav1.Object)
		if !ok {
			return nil, fmt.Errorf("index object by controller: %T has no metadata", item)
		}
		if ref := metav1.GetControllerOfNoCopy(obj); ref != nil {
			return []string{string(ref.UID)}, nil
		}
		return []string{orphansOf(obj.GetNamespace())}, nil
	})
}

// AddIndex adds an index to informer when it has none of that name yet.
func AddIndex(informer cache.SharedIndexInformer, name string, index cache.IndexFunc) error {
	if _, found := informer.GetIndexer().GetIndexers()[name]; found {
		return nil
	}
	if err := informer.AddIndexers(cache.Indexers{name: index}); err != nil {
		return fmt.Errorf("add index %q: %w", name, err)
	}
	return nil
}

// ByIndex returns the objects under value in an index added with AddIndex.
func ByIndex[T any](informer cache.SharedIndexInformer, name, value string) ([]*T, error) {
	items, err := informer.GetIndexer().ByIndex(name, value)
	if err != nil {
		return nil, fmt.Errorf("look up index %q: %w", name, err)
	}
	all := make([]*T, 0, len(items))
	for _, item := range items {
		if obj, ok := item.(*T); ok {
			all = append(all, obj)
		}
	}
	return all, nil
}

// ControlledBy returns the objects whose controller has owner's UID. The informer must have been given to
// IndexByController.
func ControlledBy[T any](informer cache.SharedIndexInformer, owner metav1.Object) ([]*T, error) {
	return ByIndex[T](informer, byController, string(owner.GetUID()))
}

// Orphans returns the objects in a namespace that have no controller.
func Orphans[T any](informer cache.SharedIndexInformer, namespace string) ([]*T, error) {
	return ByIndex[T](informer, byController, orphansOf(namespace))
}

// orphansOf cannot be a UID.
func orphansOf(namespace string) string { return "orphans/" + namespace }

// byNode is the name of the index of pods by their node.
const byNode = "proa.sh/node"

// IndexPodsByNode makes the informer of pods keep them by their node.
func IndexPodsByNode(informer cache.SharedIndexInformer) error {
	return AddIndex(informer, byNode, func(item any) ([]string, error) {
		pod, ok := item.(*v1.Pod)
		if !ok {
			return nil, fmt.Errorf("index pod by node: found %T", item)
		}
		if pod.Spec.NodeName == "" {
			return nil, nil
		}
		return []string{pod.Spec.NodeName}, nil
	})
}

// PodsOn returns the pods bound to a node. The informer must have been given to IndexPodsByNode.
func PodsOn(informer cache.SharedIndexInformer, node string) ([]*v1.Pod, error) {
	return ByIndex[v1.Pod](informer, byNode, node)
}
