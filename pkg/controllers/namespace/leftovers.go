package namespace

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/klog/v2"
)

// patience is how long leftovers are watched before the namespace is looked at again anyhow, should a watch have gone
// dumb.
const patience = time.Minute

// leftovers watches content that cannot go yet, and calls gone when all that a pass left of a kind has gone.
type leftovers struct {
	metadata metadata.Interface
	gone     func(namespace string)

	wg      sync.WaitGroup
	mu      sync.Mutex
	watched map[leftover]struct{} // guarded by mu; bounded by the kinds in namespaces under deletion
}

type leftover struct {
	namespace string
	resource  schema.GroupVersionResource
}

// watch watches what list left, unless that kind of that namespace is watched already. It ends with ctx.
func (l *leftovers) watch(ctx context.Context, namespace string, resource schema.GroupVersionResource, list *metav1.PartialObjectMetadataList) {
	key := leftover{namespace, resource}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, found := l.watched[key]; found {
		return
	}
	l.watched[key] = struct{}{}
	l.wg.Go(func() {
		if err := l.follow(ctx, key, list); err != nil {
			klog.FromContext(ctx).V(2).Info("Cannot watch leftovers, looking again", "namespace", namespace, "resource", resource, "reason", err)
		}
		l.mu.Lock()
		delete(l.watched, key)
		l.mu.Unlock()
		l.gone(namespace)
	})
}

// follow returns when all of list have gone.
func (l *leftovers) follow(ctx context.Context, key leftover, list *metav1.PartialObjectMetadataList) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	left := map[types.UID]struct{}{}
	for i := range list.Items {
		left[list.Items[i].UID] = struct{}{}
	}
	changes, err := l.metadata.Resource(key.resource).Namespace(key.namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		select { // the next look must not come at once
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
		return err
	}
	defer changes.Stop()
	for len(left) > 0 {
		select {
		case change, open := <-changes.ResultChan():
			if !open || change.Type == watch.Error {
				return nil
			}
			if obj, ok := change.Object.(metav1.Object); ok && change.Type == watch.Deleted {
				delete(left, obj.GetUID())
			}
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// wait returns when all watches have ended.
func (l *leftovers) wait() { l.wg.Wait() }
