package rootca

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	corelisters "k8s.io/client-go/listers/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

type reconciler struct {
	control.Dependencies
	namespaces corelisters.NamespaceLister
	configs    corelisters.ConfigMapLister
	bundle     string
}

// New makes the controller that publishes bundle, which is PEM. Its keys are namespaces.
func New(d control.Dependencies, bundle []byte) (control.Controller, error) {
	namespaces, configs := d.Informers.Core().V1().Namespaces(), d.Informers.Core().V1().ConfigMaps()
	r := &reconciler{Dependencies: d, namespaces: namespaces.Lister(), configs: configs.Lister(), bundle: string(bundle)}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{
			control.Watch(namespaces.Informer(), func(old, now *v1.Namespace) []control.Key {
				return []control.Key{control.KeyOf("", control.Latest(old, now).Name)}
			}),
			control.Watch(configs.Informer(), func(old, now *v1.ConfigMap) []control.Key {
				config := control.Latest(old, now)
				if config.Name != Name {
					return nil
				}
				return []control.Key{control.KeyOf("", config.Namespace)}
			}),
		},
		Writes: []control.Written{control.Shows[v1.ConfigMap](configs.Informer())},
	}), nil
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	namespace, err := r.namespaces.Get(key.Name)
	if apierrors.IsNotFound(err) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read namespace: %w", err)
	}
	current, err := r.configs.ConfigMaps(key.Name).Get(Name)
	if err != nil && !apierrors.IsNotFound(err) {
		return control.Result{}, fmt.Errorf("read config map: %w", err)
	}
	if err != nil {
		current = nil
	}
	client := r.Client.CoreV1().ConfigMaps(key.Name)
	switch out := plan(namespace, current, r.bundle); {
	case out.create != nil:
		_, err = control.Create(ctx, client, out.create)
	case out.update != nil:
		_, err = control.Update(ctx, client, out.update)
	default:
		return control.Result{}, nil
	}
	if apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) || control.IsNamespaceEnding(err) {
		err = nil
	}
	return control.Result{}, err
}
