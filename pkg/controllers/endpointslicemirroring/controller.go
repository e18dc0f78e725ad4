package endpointslicemirroring

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

type reconciler struct {
	control.Dependencies
	endpoints corelisters.EndpointsLister
	services  corelisters.ServiceLister
	slices    cache.SharedIndexInformer
}

// New makes the controller. Its keys are Endpoints.
func New(d control.Dependencies) (control.Controller, error) {
	core, slices := d.Informers.Core().V1(), d.Informers.Discovery().V1().EndpointSlices().Informer()
	if err := control.IndexSlicesByService(slices); err != nil {
		return nil, err
	}
	r := &reconciler{d, core.Endpoints().Lister(), core.Services().Lister(), slices}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{
			control.Watch(core.Endpoints().Informer(), func(old, now *v1.Endpoints) []control.Key {
				one := control.Latest(old, now)
				return []control.Key{control.KeyOf(one.Namespace, one.Name)}
			}),
			control.Watch(core.Services().Informer(), func(old, now *v1.Service) []control.Key {
				if old != nil && now != nil && (old.Spec.Selector == nil) == (now.Spec.Selector == nil) {
					return nil
				}
				one := control.Latest(old, now)
				return []control.Key{control.KeyOf(one.Namespace, one.Name)}
			}),
			control.Watch(slices, func(old, now *discovery.EndpointSlice) []control.Key {
				slice := control.Latest(old, now)
				if slice.Labels[discovery.LabelManagedBy] != managedBy || slice.Labels[discovery.LabelServiceName] == "" {
					return nil
				}
				return []control.Key{control.KeyOf(slice.Namespace, slice.Labels[discovery.LabelServiceName])}
			}),
		},
		Writes: []control.Written{control.Shows[discovery.EndpointSlice](slices)},
	}), nil
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	endpoints, err := r.endpoints.Endpoints(key.Namespace).Get(key.Name)
	if err != nil && !apierrors.IsNotFound(err) {
		return control.Result{}, fmt.Errorf("read endpoints: %w", err)
	}
	if err != nil {
		endpoints = nil
	}
	service, err := r.services.Services(key.Namespace).Get(key.Name)
	if err != nil && !apierrors.IsNotFound(err) {
		return control.Result{}, fmt.Errorf("read service: %w", err)
	}
	if err != nil {
		service = nil
	}
	if !mirrored(endpoints, service) {
		endpoints = nil
	}
	existing, err := control.SlicesOf(r.slices, key, managedBy)
	if err != nil {
		return control.Result{}, err
	}
	return control.Result{}, r.act(ctx, key.Namespace, plan(endpoints, existing))
}

func (r *reconciler) act(ctx context.Context, namespace string, out outcome) error {
	client := r.Client.DiscoveryV1().EndpointSlices(namespace)
	var failed []error
	done := func(err error) {
		if !control.IsNamespaceEnding(err) {
			failed = append(failed, err)
		}
	}
	for _, slice := range out.create {
		_, err := control.Create(ctx, client, slice)
		done(err)
	}
	for _, slice := range out.update {
		_, err := control.Update(ctx, client, slice)
		done(err)
	}
	for _, slice := range out.remove {
		done(control.Delete(ctx, client, slice, metav1.DeleteOptions{}))
	}
	return errors.Join(failed...)
}
