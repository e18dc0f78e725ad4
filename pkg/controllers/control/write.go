package control

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// attempt is the reconciliation that a context belongs to.
type attempt struct {
	ledger *ledger
	key    Key
}

type attemptKey struct{}

func withAttempt(ctx context.Context, l *ledger, key Key) context.Context {
	return context.WithValue(ctx, attemptKey{}, attempt{l, key})
}

// Wrote tells the ledger that obj came back from a write that was not made with the functions of this package. Outside
// of a reconciliation it does nothing.
func Wrote(ctx context.Context, obj metav1.Object) {
	if a, ok := ctx.Value(attemptKey{}).(attempt); ok {
		a.ledger.wrote(a.key, obj)
	}
}

// Deleted is Wrote for deletions; obj is the object as it was known before.
func Deleted(ctx context.Context, obj metav1.Object) {
	if a, ok := ctx.Value(attemptKey{}).(attempt); ok {
		a.ledger.deleted(a.key, obj)
	}
}

// Create creates obj with a typed client of client-go, and records the write.
func Create[T metav1.Object](ctx context.Context, c interface {
	Create(context.Context, T, metav1.CreateOptions) (T, error)
}, obj T) (T, error) {
	created, err := c.Create(ctx, obj, metav1.CreateOptions{})
	if err != nil {
		return created, fmt.Errorf("create %T %q: %w", obj, nameOf(obj), err)
	}
	Wrote(ctx, created)
	return created, nil
}

// Update replaces obj, and records the write.
func Update[T metav1.Object](ctx context.Context, c interface {
	Update(context.Context, T, metav1.UpdateOptions) (T, error)
}, obj T) (T, error) {
	updated, err := c.Update(ctx, obj, metav1.UpdateOptions{})
	if err != nil {
		return updated, fmt.Errorf("update %T %q: %w", obj, nameOf(obj), err)
	}
	Wrote(ctx, updated)
	return updated, nil
}

// UpdateStatus replaces the status of obj, and records the write.
func UpdateStatus[T metav1.Object](ctx context.Context, c interface {
	UpdateStatus(context.Context, T, metav1.UpdateOptions) (T, error)
}, obj T) (T, error) {
	updated, err := c.UpdateStatus(ctx, obj, metav1.UpdateOptions{})
	if err != nil {
		return updated, fmt.Errorf("update status of %T %q: %w", obj, nameOf(obj), err)
	}
	Wrote(ctx, updated)
	return updated, nil
}

// Patch patches the object with obj's name (or its subresource), and records the write. obj itself is not sent.
func Patch[T metav1.Object](ctx context.Context, c interface {
	Patch(context.Context, string, types.PatchType, []byte, metav1.PatchOptions, ...string) (T, error)
}, obj T, kind types.PatchType, patch []byte, subresources ...string) (T, error) {
	patched, err := c.Patch(ctx, obj.GetName(), kind, patch, metav1.PatchOptions{}, subresources...)
	if err != nil {
		return patched, fmt.Errorf("patch %T %q: %w", obj, nameOf(obj), err)
	}
	Wrote(ctx, patched)
	return patched, nil
}

// Delete deletes exactly obj (its UID is a precondition), and records the write. It is no error when the object is
// gone already, or another object has its name.
func Delete[T metav1.Object](ctx context.Context, c interface {
	Delete(context.Context, string, metav1.DeleteOptions) error
}, obj T, options metav1.DeleteOptions) error {
	uid := obj.GetUID()
	if options.Preconditions == nil {
		options.Preconditions = &metav1.Preconditions{}
	}
	options.Preconditions.UID = &uid
	err := c.Delete(ctx, obj.GetName(), options)
	if err == nil || apierrors.IsNotFound(err) || (apierrors.IsConflict(err) && options.Preconditions.ResourceVersion == nil) {
		Deleted(ctx, obj)
		return nil
	}
	return fmt.Errorf("delete %T %q: %w", obj, nameOf(obj), err)
}

// nameOf is the namespace and name of obj for messages.
func nameOf(obj metav1.Object) string {
	name := obj.GetName()
	if name == "" {
		name = obj.GetGenerateName()
	}
	return storeKey(obj.GetNamespace(), name)
}
