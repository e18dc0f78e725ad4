package control

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Object is a kind of the API.
type Object[T any] interface {
	*T
	metav1.Object
	runtime.Object
}

// Workload is what all controllers of one kind of workload do alike: they are woken by their objects and by the children
// of these, adopt and release children, and create and delete pods. T is the kind of the owner.
type Workload[T any, P Object[T]] struct {
	Dependencies
	// Kind is the owner's kind.
	Kind schema.GroupVersionKind
	// Owners shows the owners.
	Owners cache.SharedIndexInformer
	// Selector picks an owner's children; one that picks everything is an error.
	Selector func(owner P) (labels.Selector, error)
	// Live reads an owner from the server.
	Live func(ctx context.Context, namespace, name string) (P, error)
}

// WatchOwners wakes each owner that changes.
func (w *Workload[T, P]) WatchOwners() source.Source {
	return Watch(w.Owners, func(old, now *T) []Key {
		owner := P(Latest(old, now))
		return []Key{KeyOf(owner.GetNamespace(), owner.GetName())}
	})
}

// Adopters are the owners in an object's namespace whose selector matches it.
func (w *Workload[T, P]) Adopters(obj metav1.Object) []Key {
	var keys []Key
	for _, owner := range w.In(obj.GetNamespace()) {
		if selector, err := w.Selector(owner); err == nil && !selector.Empty() && selector.Matches(labels.Set(obj.GetLabels())) {
			keys = append(keys, KeyOf(owner.GetNamespace(), owner.GetName()))
		}
	}
	return keys
}

// In are the owners in a namespace.
func (w *Workload[T, P]) In(namespace string) []P {
	items, err := w.Owners.GetIndexer().ByIndex(cache.NamespaceIndex, namespace)
	if err != nil {
		return nil // every informer of a namespaced kind has this index
	}
	all := make([]P, 0, len(items))
	for _, item := range items {
		if owner, ok := item.(P); ok {
			all = append(all, owner)
		}
	}
	return all
}

// Get returns an owner from the cache; nil means that there is none.
func (w *Workload[T, P]) Get(key Key) P {
	item, found, err := w.Owners.GetStore().GetByKey(storeKey(key.Namespace, key.Name))
	if err != nil || !found {
		return nil // a lookup in a cache does not fail
	}
	owner, _ := item.(P)
	return owner
}

// WatchChildren wakes the owners that had or have a child of one kind, or could adopt it.
func WatchChildren[C, T any, P Object[T]](w *Workload[T, P], children cache.SharedIndexInformer) source.Source {
	return Watch(children, func(old, now *C) []Key { return OwnersOf(w.Kind.Kind, old, now, w.Adopters) })
}

// Children are an owner's children of one kind, after adopting and releasing, as claim says, of which the fields that the
// workload knows are filled. A selector that is invalid or picks everything makes nothing known of them: a terminal error.
func Children[C, T any, P Object[T]](ctx context.Context, w *Workload[T, P], owner P, claim Claim[C]) ([]*C, error) {
	selector, err := w.Selector(owner)
	if err == nil && selector.Empty() {
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, reconcile.TerminalError(fmt.Errorf("read selector of %s %q: %w", w.Kind.Kind, klog.KObj(owner), err))
	}
	claim.Owner, claim.Kind, claim.Selector = owner, w.Kind, selector
	claim.Live = func(ctx context.Context) (metav1.Object, error) {
		return w.Live(ctx, owner.GetNamespace(), owner.GetName())
	}
	return claim.Children(ctx)
}

// CreatePod creates a pod of an owner and tells of it in an event.
func (w *Workload[T, P]) CreatePod(ctx context.Context, owner P, pod *v1.Pod) error {
	created, err := Create(ctx, w.Client.CoreV1().Pods(pod.Namespace), pod)
	if err != nil {
		if !IsNamespaceEnding(err) {
			w.Recorder.Eventf(owner, v1.EventTypeWarning, "FailedCreate", "Error creating: %v", errors.Unwrap(err))
		}
		return err
	}
	klog.FromContext(ctx).V(4).Info("Created pod", "pod", klog.KObj(created))
	w.Recorder.Eventf(owner, v1.EventTypeNormal, "SuccessfulCreate", "Created pod: %v", created.Name)
	return nil
}

// DeletePod deletes a pod of an owner and tells of it in an event.
func (w *Workload[T, P]) DeletePod(ctx context.Context, owner P, pod *v1.Pod) error {
	if err := Delete(ctx, w.Client.CoreV1().Pods(pod.Namespace), pod, metav1.DeleteOptions{}); err != nil {
		w.Recorder.Eventf(owner, v1.EventTypeWarning, "FailedDelete", "Error deleting: %v", errors.Unwrap(err))
		return err
	}
	klog.FromContext(ctx).V(4).Info("Deleted pod", "pod", klog.KObj(pod))
	w.Recorder.Eventf(owner, v1.EventTypeNormal, "SuccessfulDelete", "Deleted pod: %v", pod.Name)
	return nil
}

// WriteStatus writes the status of changed, a copy of an owner with status as its new and was as its old one, when they
// differ. It is no error when the owner has gone.
func WriteStatus[P metav1.Object, S any](ctx context.Context, c StatusUpdater[P], changed P, was, status S) error {
	if equality.Semantic.DeepEqual(was, status) {
		return nil
	}
	if _, err := UpdateStatus(ctx, c, changed); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return nil
}

// StatusUpdater is the part of a typed client of client-go that writes a status.
type StatusUpdater[P any] interface {
	UpdateStatus(ctx context.Context, obj P, options metav1.UpdateOptions) (P, error)
}
