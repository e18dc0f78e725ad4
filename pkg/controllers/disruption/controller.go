package disruption

import (
	"context"
	"errors"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/dynamic"
	appslisters "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	policylisters "k8s.io/client-go/listers/policy/v1"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/pods"
)

type reconciler struct {
	control.Dependencies
	budgets     policylisters.PodDisruptionBudgetLister
	pods        corelisters.PodLister
	sets        appslisters.ReplicaSetLister
	deployments appslisters.DeploymentLister
	stateful    appslisters.StatefulSetLister
	rcs         corelisters.ReplicationControllerLister
	mapper      meta.RESTMapper
	scales      scale.ScalesGetter
}

// New makes the controller. Its keys are PodDisruptionBudgets.
func New(d control.Dependencies) (control.Controller, error) {
	core, apps, budgets := d.Informers.Core().V1(), d.Informers.Apps().V1(), d.Informers.Policy().V1().PodDisruptionBudgets()
	mapper := control.NewMapper(d.Client.Discovery(), control.DiscoverAgain)
	scales, err := scale.NewForConfig(d.REST, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(d.Client.Discovery()))
	if err != nil {
		return nil, fmt.Errorf("make scale client: %w", err)
	}
	r := &reconciler{
		Dependencies: d, budgets: budgets.Lister(), pods: core.Pods().Lister(),
		sets: apps.ReplicaSets().Lister(), deployments: apps.Deployments().Lister(), stateful: apps.StatefulSets().Lister(),
		rcs: core.ReplicationControllers().Lister(), mapper: mapper, scales: scales,
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{
			control.Watch(budgets.Informer(), func(old, now *policy.PodDisruptionBudget) []control.Key {
				budget := control.Latest(old, now)
				return []control.Key{control.KeyOf(budget.Namespace, budget.Name)}
			}),
			control.Watch(core.Pods().Informer(), r.podChanged),
		},
		Reads: []cache.SharedIndexInformer{
			apps.ReplicaSets().Informer(), apps.Deployments().Informer(), apps.StatefulSets().Informer(), core.ReplicationControllers().Informer(),
		},
		Writes: []control.Written{control.Shows[policy.PodDisruptionBudget](budgets.Informer())},
	}), nil
}

// podChanged wakes the budgets that select a pod, as it was or as it is.
func (r *reconciler) podChanged(old, now *v1.Pod) []control.Key {
	if old != nil && now != nil && pods.IsReady(old) == pods.IsReady(now) && (old.DeletionTimestamp == nil) == (now.DeletionTimestamp == nil) &&
		equality.Semantic.DeepEqual(old.Labels, now.Labels) && equality.Semantic.DeepEqual(old.OwnerReferences, now.OwnerReferences) {
		return nil
	}
	all, err := r.budgets.PodDisruptionBudgets(control.Latest(old, now).Namespace).List(labels.Everything())
	if err != nil {
		return nil // a lister over a cache does not fail
	}
	var keys []control.Key
	for _, budget := range all {
		selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
		if err != nil {
			continue // told in the budget's status
		}
		if (old != nil && selector.Matches(labels.Set(old.Labels))) || (now != nil && selector.Matches(labels.Set(now.Labels))) {
			keys = append(keys, control.KeyOf(budget.Namespace, budget.Name))
		}
	}
	return keys
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	budget, err := r.budgets.PodDisruptionBudgets(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read disruption budget: %w", err)
	}
	out := plan(r.observe(ctx, budget))
	if out.fault != nil {
		r.Recorder.Eventf(budget, v1.EventTypeWarning, "CalculateExpectedPodCountFailed", "Failed to calculate the number of expected pods: %v", out.fault)
	}
	if equality.Semantic.DeepEqual(out.status, budget.Status) {
		return control.Result{RequeueAfter: out.after}, out.fault
	}
	budget = budget.DeepCopy()
	budget.Status = out.status
	if _, err = control.UpdateStatus(ctx, r.Client.PolicyV1().PodDisruptionBudgets(budget.Namespace), budget); apierrors.IsNotFound(err) {
		err = nil
	}
	return control.Result{RequeueAfter: out.after}, errors.Join(out.fault, err)
}

// observe finds out what a budget is computed from.
func (r *reconciler) observe(ctx context.Context, budget *policy.PodDisruptionBudget) observed {
	o := observed{budget: budget, now: time.Now()}
	selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
	if err != nil {
		o.fault = fmt.Errorf("read selector: %w", err)
		return o
	}
	if o.pods, err = r.pods.Pods(budget.Namespace).List(selector); err != nil {
		o.fault = fmt.Errorf("list pods: %w", err)
		return o
	}
	if len(o.pods) == 0 {
		r.Recorder.Eventf(budget, v1.EventTypeNormal, "NoPods", "No matching pods found")
	}
	if !relative(budget) {
		return o
	}
	unmanaged := 0
	o.wanted, unmanaged, o.fault = r.wantedBy(ctx, o.pods)
	if o.fault == nil && unmanaged > 0 {
		r.Recorder.Eventf(budget, v1.EventTypeWarning, "UnmanagedPods",
			"%d of the selected pods have no controller, so that it is not known how many are wanted; a whole number as .spec.minAvailable takes them into account", unmanaged)
	}
	return o
}
