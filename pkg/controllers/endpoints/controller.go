package endpoints

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/endpointslice/util"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

type reconciler struct {
	control.Dependencies
	services  corelisters.ServiceLister
	selected  *control.Selections
	endpoints corelisters.EndpointsLister
	triggers  *util.TriggerTimeTracker
}

// New makes the controller. Its keys are services.
func New(d control.Dependencies) (control.Controller, error) {
	core := d.Informers.Core().V1()
	selected, err := control.NewSelections(core)
	if err != nil {
		return nil, err
	}
	r := &reconciler{
		Dependencies: d, services: core.Services().Lister(), selected: selected, endpoints: core.Endpoints().Lister(),
		triggers: util.NewTriggerTimeTracker(),
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{
			control.Watch(core.Services().Informer(), func(old, now *v1.Service) []control.Key {
				service := control.Latest(old, now)
				return []control.Key{control.KeyOf(service.Namespace, service.Name)}
			}),
			control.Watch(core.Pods().Informer(), selected.Services),
			control.Watch(core.Endpoints().Informer(), func(old, now *v1.Endpoints) []control.Key {
				endpoints := control.Latest(old, now)
				return []control.Key{control.KeyOf(endpoints.Namespace, endpoints.Name)}
			}),
		},
		Writes: []control.Written{control.Shows[v1.Endpoints](core.Endpoints().Informer())},
	}), nil
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	current, err := r.endpoints.Endpoints(key.Namespace).Get(key.Name)
	if err != nil {
		if !apierrors.IsNotFound(err) {
			return control.Result{}, fmt.Errorf("read endpoints: %w", err)
		}
		current = nil
	}
	service, err := r.services.Services(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		r.triggers.DeleteService(key.Namespace, key.Name)
		return control.Result{}, r.forget(ctx, current)
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read service: %w", err)
	}
	if service.Spec.Selector == nil || service.Spec.Type == v1.ServiceTypeExternalName {
		return control.Result{}, nil
	}
	pods, err := r.selected.Pods(service)
	if err != nil {
		return control.Result{}, err
	}
	changed := r.triggers.ComputeEndpointLastChangeTriggerTime(key.Namespace, service, pods)
	return control.Result{}, r.act(ctx, service, plan(service, pods, current, changed))
}

// forget deletes the endpoints of a service that has gone, if they were made here. A service has no ownership of its
// Endpoints, so that garbage collection does not do it. Endpoints that stand for a lock are left alone.
func (r *reconciler) forget(ctx context.Context, current *v1.Endpoints) error {
	if current == nil || current.Labels[managedByLabel] != managedBy {
		return nil
	}
	if _, lock := current.Annotations[resourcelock.LeaderElectionRecordAnnotationKey]; lock {
		return nil
	}
	return control.Delete(ctx, r.Client.CoreV1().Endpoints(current.Namespace), current, metav1.DeleteOptions{})
}

func (r *reconciler) act(ctx context.Context, service *v1.Service, out outcome) error {
	client := r.Client.CoreV1().Endpoints(service.Namespace)
	var err error
	reason, verb := "FailedToCreateEndpoint", "create"
	switch {
	case out.create != nil:
		_, err = control.Create(ctx, client, out.create)
	case out.update != nil:
		reason, verb = "FailedToUpdateEndpoint", "update"
		_, err = control.Update(ctx, client, out.update)
	}
	if err == nil || control.IsNamespaceEnding(err) {
		return nil
	}
	if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
		r.Recorder.Eventf(service, v1.EventTypeWarning, reason, "Failed to %s endpoint %s/%s: %v", verb, service.Namespace, service.Name, err)
	}
	return err
}
