package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// Claim says by which rule a parent owns children of type *T: children that name it as their controller and match its
// selector are its own; matching children without a controller are adopted; its own that match no more are released.
type Claim[T any] struct {
	// Owner is the parent, from the cache, and Kind its kind.
	Owner metav1.Object
	Kind  schema.GroupVersionKind
	// Selector picks the children.
	Selector labels.Selector
	// Informer shows the children; it was given to IndexByController.
	Informer cache.SharedIndexInformer
	// Live reads the owner from the server. Before anything is adopted it must still be the same and not be deleted.
	Live func(ctx context.Context) (metav1.Object, error)
	// Client patches the children, in the owner's namespace.
	Client Patcher[*T]
	// May says whether a child without controller may be adopted; nil means any.
	May func(child *T) bool
	// Finalizers are given to adopted children.
	Finalizers []string
}

// Patcher is the part of a typed client of client-go that patches.
type Patcher[T any] interface {
	Patch(ctx context.Context, name string, kind types.PatchType, patch []byte, options metav1.PatchOptions, subresources ...string) (T, error)
}

// claims is what a Claim finds among the candidates.
type claims[T any] struct{ own, adopt, release []*T }

// Children returns the parent's children after adopting and releasing.
func (c Claim[T]) Children(ctx context.Context) ([]*T, error) {
	candidates, err := ControlledBy[T](c.Informer, c.Owner)
	if err != nil {
		return nil, err
	}
	orphans, err := Orphans[T](c.Informer, c.Owner.GetNamespace())
	if err != nil {
		return nil, err
	}
	found := c.sort(candidates, orphans)
	var failed []error
	if len(found.adopt) > 0 {
		adopted, err := c.adopt(ctx, found.adopt)
		found.own = append(found.own, adopted...)
		failed = append(failed, err)
	}
	for _, child := range found.release {
		failed = append(failed, c.release(ctx, child))
	}
	return found.own, errors.Join(failed...)
}

// sort decides, without acting.
func (c Claim[T]) sort(controlled, orphans []*T) claims[T] {
	var found claims[T]
	ending := c.Owner.GetDeletionTimestamp() != nil
	for _, child := range controlled {
		obj := any(child).(metav1.Object)
		switch {
		case obj.GetNamespace() != c.Owner.GetNamespace():
		case c.Selector.Matches(labels.Set(obj.GetLabels())):
			found.own = append(found.own, child)
		case !ending:
			found.release = append(found.release, child)
		}
	}
	if ending {
		return found
	}
	for _, child := range orphans {
		obj := any(child).(metav1.Object)
		if obj.GetDeletionTimestamp() == nil && c.Selector.Matches(labels.Set(obj.GetLabels())) && (c.May == nil || c.May(child)) {
			found.adopt = append(found.adopt, child)
		}
	}
	return found
}

// adopt makes the owner the controller of children.
func (c Claim[T]) adopt(ctx context.Context, children []*T) ([]*T, error) {
	live, err := c.Live(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s %q before adopting: %w", c.Kind.Kind, nameOf(c.Owner), err)
	}
	if live.GetUID() != c.Owner.GetUID() || live.GetDeletionTimestamp() != nil {
		return nil, nil // the cache will show it
	}
	var adopted []*T
	var failed []error
	for _, child := range children {
		obj := any(child).(metav1.Object)
		metadata := map[string]any{
			"uid":             obj.GetUID(),
			"ownerReferences": []metav1.OwnerReference{*metav1.NewControllerRef(c.Owner, c.Kind)},
		}
		if len(c.Finalizers) > 0 {
			metadata["finalizers"] = c.Finalizers
		}
		now, err := c.patch(ctx, child, metadata)
		switch {
		case err == nil:
			adopted = append(adopted, now)
		case apierrors.IsNotFound(err):
		default:
			failed = append(failed, fmt.Errorf("adopt %q: %w", nameOf(obj), err))
		}
	}
	return adopted, errors.Join(failed...)
}

// release takes the owner's reference from a child.
func (c Claim[T]) release(ctx context.Context, child *T) error {
	obj := any(child).(metav1.Object)
	_, err := c.patch(ctx, child, map[string]any{
		"uid":             obj.GetUID(),
		"ownerReferences": []map[string]any{{"$patch": "delete", "uid": c.Owner.GetUID()}},
	})
	// Invalid: the child had lost its reference, or another child has its name now; both mean that it is not ours.
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsInvalid(err) {
		return nil
	}
	return fmt.Errorf("release %q: %w", nameOf(obj), err)
}

// patch applies a strategic merge patch of metadata to a child, and records the write.
func (c Claim[T]) patch(ctx context.Context, child *T, metadata map[string]any) (*T, error) {
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return nil, fmt.Errorf("encode patch: %w", err)
	}
	now, err := c.Client.Patch(ctx, any(child).(metav1.Object).GetName(), types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return nil, err
	}
	Wrote(ctx, any(now).(metav1.Object))
	return now, nil
}

// OwnersOf returns the keys of the parents of a kind that had or have a child, or that could adopt it as adopters says.
func OwnersOf[T any](kind string, old, now *T, adopters func(metav1.Object) []Key) []Key {
	var keys []Key
	for _, child := range []*T{old, now} {
		if child == nil {
			continue
		}
		obj := any(child).(metav1.Object)
		if ref := metav1.GetControllerOfNoCopy(obj); ref != nil && ref.Kind == kind {
			keys = append(keys, KeyOf(obj.GetNamespace(), ref.Name))
		}
	}
	if now != nil && adopters != nil {
		if obj := any(now).(metav1.Object); metav1.GetControllerOfNoCopy(obj) == nil {
			keys = append(keys, adopters(obj)...)
		}
	}
	return keys
}
