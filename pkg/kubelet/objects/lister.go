package objects

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// Kind names one of the two kinds.
type Kind string

// The kinds.
const (
	Secret    Kind = "Secret"
	ConfigMap Kind = "ConfigMap"
)

// Changed is called for each object that has changed. It must not block.
type Changed func(kind Kind, namespace, name string)

// Lister reads from shared informers, and from the API what they do not know yet: a pod may come by a faster watch than the
// objects it names.
type Lister struct {
	client  kubernetes.Interface
	secrets corelisters.SecretLister
	maps    corelisters.ConfigMapLister
	synced  []cache.DoneChecker
}

// NewLister listens to the informers of the factory, which the caller starts afterwards.
func NewLister(factory informers.SharedInformerFactory, client kubernetes.Interface, changed Changed) (*Lister, error) {
	core := factory.Core().V1()
	l := &Lister{client: client, secrets: core.Secrets().Lister(), maps: core.ConfigMaps().Lister()}
	for kind, informer := range map[Kind]cache.SharedIndexInformer{
		Secret: core.Secrets().Informer(), ConfigMap: core.ConfigMaps().Informer(),
	} {
		registration, err := informer.AddEventHandler(handler(kind, changed))
		if err != nil {
			return nil, fmt.Errorf("listen to %ss: %w", kind, err)
		}
		l.synced = append(l.synced, registration.HasSyncedChecker())
	}
	return l, nil
}

// handler passes on every change with the object's name.
func handler(kind Kind, changed Changed) cache.ResourceEventHandler {
	tell := func(obj any) {
		if tombstone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
			obj = tombstone.Obj
		}
		if o, ok := obj.(metav1.Object); ok {
			changed(kind, o.GetNamespace(), o.GetName())
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc: tell,
		UpdateFunc: func(old, obj any) {
			a, ok := old.(metav1.Object)
			b, ok2 := obj.(metav1.Object)
			if !ok || !ok2 || a.GetResourceVersion() != b.GetResourceVersion() {
				tell(obj)
			}
		},
		DeleteFunc: tell,
	}
}

// Synced are the informers to wait for.
func (l *Lister) Synced() []cache.DoneChecker { return l.synced }

// Follow is for Watcher; a Lister knows every object.
func (l *Lister) Follow(*v1.Pod) {}

// Forget is for Watcher.
func (l *Lister) Forget(*v1.Pod) {}

// Secret returns the secret.
func (l *Lister) Secret(ctx context.Context, namespace, name string) (*v1.Secret, error) {
	s, err := l.secrets.Secrets(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return l.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	return s, err
}

// ConfigMap returns the config map.
func (l *Lister) ConfigMap(ctx context.Context, namespace, name string) (*v1.ConfigMap, error) {
	c, err := l.maps.ConfigMaps(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return l.client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	return c, err
}
