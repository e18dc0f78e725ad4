package endpointslice

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	library "k8s.io/endpointslice"
	"k8s.io/endpointslice/topologycache"
	"k8s.io/endpointslice/util"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/services"
)

// managedBy marks the slices of this controller.
const managedBy = "endpointslice-controller.k8s.io"

type reconciler struct {
	control.Dependencies
	most     int32
	services corelisters.ServiceLister
	selected *control.Selections
	nodes    corelisters.NodeLister
	slices   cache.SharedIndexInformer
	triggers *util.TriggerTimeTracker
	topology *topologycache.TopologyCache
}

// New makes the controller. most bounds the endpoints of one slice. Its keys are services.
func New(d control.Dependencies, most int32) (control.Controller, error) {
	if most < 1 {
		return nil, fmt.Errorf("a slice must have room for an endpoint, not for %d", most) // the library would divide without end
	}
	core := d.Informers.Core().V1()
	slices := d.Informers.Discovery().V1().EndpointSlices().Informer()
	selected, err := control.NewSelections(core)
	if err != nil {
		return nil, err
	}
	if err := control.IndexSlicesByService(slices); err != nil {
		return nil, err
	}
	r := &reconciler{
		Dependencies: d, most: most,
		services: core.Services().Lister(), selected: selected, nodes: core.Nodes().Lister(), slices: slices,
		triggers: util.NewTriggerTimeTracker(), topology: topologycache.NewTopologyCache(),
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{
			control.Watch(core.Services().Informer(), func(old, now *v1.Service) []control.Key {
				service := control.Latest(old, now)
				return []control.Key{control.KeyOf(service.Namespace, service.Name)}
			}),
			control.Watch(core.Pods().Informer(), selected.Services),
			control.Watch(slices, sliceChanged),
			control.Watch(core.Nodes().Informer(), r.nodeChanged),
		},
		Writes: []control.Written{control.Shows[discovery.EndpointSlice](slices)},
	}), nil
}

// sliceChanged wakes the service of a slice of ours.
func sliceChanged(old, now *discovery.EndpointSlice) []control.Key {
	var keys []control.Key
	for _, slice := range []*discovery.EndpointSlice{old, now} {
		if slice == nil || slice.Labels[discovery.LabelManagedBy] != managedBy {
			continue
		}
		if name := slice.Labels[discovery.LabelServiceName]; name != "" {
			keys = append(keys, control.KeyOf(slice.Namespace, name))
		}
	}
	return keys
}

// nodeChanged keeps the zones for topology hints, and wakes the services whose hints had become lopsided.
func (r *reconciler) nodeChanged(old, now *v1.Node) []control.Key {
	if old != nil && now != nil && !topologyDiffers(old, now) {
		return nil
	}
	all, err := r.nodes.List(labels.Everything())
	if err != nil {
		return nil // a lister over a cache does not fail
	}
	r.topology.SetNodes(klog.Background(), all)
	var keys []control.Key
	for _, key := range r.topology.GetOverloadedServices() {
		keys = append(keys, control.KeyOfCached(key))
	}
	return keys
}

// topologyDiffers says whether a node's change matters to hints.
func topologyDiffers(old, now *v1.Node) bool {
	return old.Labels[v1.LabelTopologyZone] != now.Labels[v1.LabelTopologyZone] ||
		nodeReady(old) != nodeReady(now) || !old.Status.Allocatable.Cpu().Equal(*now.Status.Allocatable.Cpu())
}

func nodeReady(node *v1.Node) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == v1.NodeReady {
			return c.Status == v1.ConditionTrue
		}
	}
	return false
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	service, err := r.services.Services(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		r.triggers.DeleteService(key.Namespace, key.Name)
		for _, family := range []discovery.AddressType{discovery.AddressTypeIPv4, discovery.AddressTypeIPv6} {
			r.topology.RemoveHints(key.String(), family)
		}
		return control.Result{}, nil // its slices are garbage now
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
	existing, known, err := r.slicesOf(service)
	if err != nil {
		return control.Result{}, err
	}
	if existing, err = r.label(ctx, service, existing); err != nil {
		return control.Result{}, err
	}
	client := recordingClient{r.Client, ctx, known}
	decider := library.NewReconciler(client, r.nodes, r.most, util.NewEndpointSliceTracker(), r.topology, r.Recorder, managedBy,
		library.WithPreferSameTrafficDistributionEnabled(true))
	changed := r.triggers.ComputeEndpointLastChangeTriggerTime(service.Namespace, service, pods)
	if err := decider.Reconcile(klog.FromContext(ctx), service, pods, existing, changed); err != nil {
		if control.IsNamespaceEnding(err) || service.DeletionTimestamp != nil {
			return control.Result{}, nil
		}
		return control.Result{}, fmt.Errorf("write slices: %w", err)
	}
	return control.Result{}, nil
}

// label gives slices the label of a headless service or takes it away, which the library does only for slices that change
// otherwise. It returns the slices as they are then.
func (r *reconciler) label(ctx context.Context, service *v1.Service, existing []*discovery.EndpointSlice) ([]*discovery.EndpointSlice, error) {
	headless := services.Headless(service)
	for i, slice := range existing {
		if _, labelled := slice.Labels[v1.IsHeadlessService]; labelled == headless {
			continue
		}
		slice = slice.DeepCopy()
		delete(slice.Labels, v1.IsHeadlessService)
		if headless {
			slice.Labels[v1.IsHeadlessService] = ""
		}
		updated, err := control.Update(ctx, r.Client.DiscoveryV1().EndpointSlices(slice.Namespace), slice)
		if err != nil {
			return nil, err
		}
		existing[i] = updated
	}
	return existing, nil
}

// slicesOf are the service's slices of ours that are not on their way out.
func (r *reconciler) slicesOf(service *v1.Service) ([]*discovery.EndpointSlice, map[string]*discovery.EndpointSlice, error) {
	found, err := control.SlicesOf(r.slices, control.KeyOf(service.Namespace, service.Name), managedBy)
	if err != nil {
		return nil, nil, err
	}
	var existing []*discovery.EndpointSlice
	known := map[string]*discovery.EndpointSlice{}
	for _, slice := range found {
		if slice.DeletionTimestamp == nil {
			// The library compares it with one that it makes itself, which says no kind.
			plain := *slice
			plain.TypeMeta = metav1.TypeMeta{}
			existing = append(existing, &plain)
			known[slice.Name] = slice
		}
	}
	return existing, known, nil
}
