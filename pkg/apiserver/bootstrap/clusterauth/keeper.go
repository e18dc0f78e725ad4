package clusterauth

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// Name and Namespace of the ConfigMap.
const (
	Name      = "extension-apiserver-authentication"
	Namespace = metav1.NamespaceSystem
)

// Keeper keeps the ConfigMap as it should be.
type Keeper struct {
	client  kubernetes.Interface
	info    func() Info
	now     func() time.Time
	changed chan struct{} // holds one mark that there is something to look at
}

// NewKeeper returns a keeper that publishes what info returns.
func NewKeeper(client kubernetes.Interface, info func() Info, now func() time.Time) *Keeper {
	return &Keeper{client: client, info: info, now: now, changed: make(chan struct{}, 1)}
}

// Enqueue says that what info returns may have changed. It is a dynamiccertificates.Listener.
func (k *Keeper) Enqueue() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// Run keeps the ConfigMap until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	only := fields.OneTermEqualSelector(metav1.ObjectNameField, Name).String()
	configMaps := k.client.CoreV1().ConfigMaps(Namespace)
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				o.FieldSelector = only
				return configMaps.List(ctx, o)
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				o.FieldSelector = only
				return configMaps.Watch(ctx, o)
			},
		}, k.client),
		ObjectType: &corev1.ConfigMap{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { k.Enqueue() }, UpdateFunc: func(_, _ any) { k.Enqueue() }, DeleteFunc: func(any) { k.Enqueue() },
		},
	})
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { informer.RunWithContext(ctx) })
	k.Enqueue()
	for {
		select {
		case <-k.changed:
			k.write(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// write tries until it has written, or ctx ends.
func (k *Keeper) write(ctx context.Context) {
	backoff := wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.1, Steps: 10, Cap: 10 * time.Second}
	err := wait.ExponentialBackoffWithContext(ctx, backoff, func(ctx context.Context) (bool, error) {
		err := k.writeOnce(ctx)
		if err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Publishing how clients authenticate failed; trying again")
		}
		return err == nil, nil
	})
	if err != nil && ctx.Err() == nil {
		k.Enqueue()
	}
}

func (k *Keeper) writeOnce(ctx context.Context) error {
	configMaps := k.client.CoreV1().ConfigMaps(Namespace)
	old, err := configMaps.Get(ctx, Name, metav1.GetOptions{})
	missing := apierrors.IsNotFound(err)
	if err != nil && !missing {
		return fmt.Errorf("read config map %s: %w", Name, err)
	}
	if missing {
		old = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: Name, Namespace: Namespace}}
	}
	data, err := merge(old.Data, k.info(), k.now())
	if err != nil {
		// Somebody has written what cannot be read: ours alone is better than that.
		if data, err = merge(nil, k.info(), k.now()); err != nil {
			return err
		}
	}
	if !missing && maps.Equal(data, old.Data) || missing && len(data) == 0 {
		return nil
	}
	fresh := old.DeepCopy()
	fresh.Data = data
	if missing {
		_, err = configMaps.Create(ctx, fresh, metav1.CreateOptions{})
	} else {
		_, err = configMaps.Update(ctx, fresh, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("write config map %s: %w", Name, err)
	}
	return nil
}
