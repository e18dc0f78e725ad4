package control

import (
	"context"
	"fmt"

	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// queue is what keys are put into.
type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Watch is a source of keys: each change of an object in informer wakes the keys that changed returns. old is nil when
// the object appeared, now is nil when it vanished. The function is called for one change after the other, must be
// quick and must not modify its arguments.
func Watch[T any](informer cache.SharedIndexInformer, changed func(old, now *T) []Key) source.SyncingSource {
	return &watch{informer: informer, handler: func(q queue) cache.ResourceEventHandler {
		return changes[T]{func(old, now *T) {
			for _, key := range changed(old, now) {
				q.Add(key)
			}
		}}
	}}
}

// watch hangs a handler on a shared informer while a controller runs.
type watch struct {
	informer     cache.SharedIndexInformer
	handler      func(queue) cache.ResourceEventHandler
	registration cache.ResourceEventHandlerRegistration // set by Start, read by WaitForSync after it
}

// Start implements source.Source.
func (w *watch) Start(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	registration, err := w.informer.AddEventHandler(w.handler(q))
	if err != nil {
		return fmt.Errorf("add event handler: %w", err)
	}
	w.registration = registration
	context.AfterFunc(ctx, func() {
		// The only error is that the informer has been stopped before, and its handlers with it.
		_ = w.informer.RemoveEventHandler(registration)
	})
	return nil
}

// WaitForSync implements source.SyncingSource: it returns when the handler has been shown all that was there at first.
func (w *watch) WaitForSync(ctx context.Context) error {
	select {
	case <-w.registration.HasSyncedChecker().Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reads is a source without keys, for informers that a controller looks into without being woken by them.
type reads struct{ informer cache.SharedIndexInformer }

func (r reads) Start(context.Context, workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	return nil
}

func (r reads) WaitForSync(ctx context.Context) error {
	select {
	case <-r.informer.HasSyncedChecker().Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// changes adapts a function to client-go's handler interface, with tombstones unwrapped.
type changes[T any] struct{ changed func(old, now *T) }

func (c changes[T]) OnAdd(obj any, _ bool) {
	if now, ok := obj.(*T); ok {
		c.changed(nil, now)
	}
}

func (c changes[T]) OnUpdate(before, after any) {
	old, ok := before.(*T)
	if !ok {
		return
	}
	if now, ok := after.(*T); ok {
		c.changed(old, now)
	}
}

func (c changes[T]) OnDelete(obj any) {
	if tombstone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = tombstone.Obj
	}
	if old, ok := obj.(*T); ok {
		c.changed(old, nil)
	}
}

// Latest returns now, or old when the object has vanished.
func Latest[T any](old, now *T) *T {
	if now != nil {
		return now
	}
	return old
}
