package registry

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/util/retry"

	"github.com/proa-sh/proa/pkg/pods"
)

// evictor serves pods/eviction: it deletes a pod if no disruption budget forbids it.
type evictor struct {
	d       *Dependencies
	pods    *genericregistry.Store
	budgets *genericregistry.Store
}

func newEvictor(d *Dependencies, pods *genericregistry.Store) (*evictor, error) {
	budgets, err := d.store(policyv1.GroupName, "poddisruptionbudgets")
	return &evictor{d, pods, budgets}, err
}

func (e *evictor) New() runtime.Object   { return &policyv1.Eviction{} }
func (e *evictor) Destroy()              {}
func (e *evictor) NamespaceScoped() bool { return true }

// GroupVersionKind of the subresource, which is of another group than its resource.
func (e *evictor) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return policyv1.SchemeGroupVersion.WithKind("Eviction")
}

func (e *evictor) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, o *metav1.CreateOptions) (runtime.Object, error) {
	eviction, ok := obj.(*policyv1.Eviction)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Eviction object: %T", obj))
	}
	if name != eviction.Name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	if validate != nil {
		if err := validate(ctx, eviction.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	options, err := deleteOptions(eviction, o)
	if err != nil {
		return nil, err
	}
	// The pod may change between the look and the write; then look again.
	var counted types.UID
	err = retry.OnError(retry.DefaultBackoff, apierrors.IsConflict, func() error {
		return e.evict(ctx, eviction.Name, options, &counted)
	})
	if err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

// deleteOptions are those of the eviction, as a dry run if either the request or its body asks for one.
func deleteOptions(eviction *policyv1.Eviction, o *metav1.CreateOptions) (*metav1.DeleteOptions, error) {
	options := eviction.DeleteOptions.DeepCopy()
	if options == nil {
		options = &metav1.DeleteOptions{}
	}
	if o == nil || len(o.DryRun) == 0 {
		return options, nil
	}
	if len(options.DryRun) > 0 && !slices.Equal(options.DryRun, o.DryRun) {
		return nil, apierrors.NewBadRequest("Non-matching dry-run options in request and content")
	}
	options.DryRun = o.DryRun
	return options, nil
}

// evict looks at the pod once. counted is the pod for which an earlier look has taken a disruption from the budget already:
// it is taken once.
func (e *evictor) evict(ctx context.Context, name string, asked *metav1.DeleteOptions, counted *types.UID) error {
	pod, err := read[*corev1.Pod](ctx, e.pods, name)
	if err != nil {
		return err
	}
	options := asked.DeepCopy()
	if options.Preconditions == nil {
		options.Preconditions = &metav1.Preconditions{}
	}
	if err := differs(options.Preconditions, pod); err != nil {
		return err
	}
	options.Preconditions.UID = &pod.UID
	if *counted != pod.UID {
		took, err := e.count(ctx, pod, dryRun(options.DryRun))
		if err != nil {
			return err
		}
		if took {
			*counted = pod.UID
		}
	}
	// What was not counted may have to be, should the pod become healthy before its deletion.
	if *counted != pod.UID && pod.DeletionTimestamp == nil && !pods.IsTerminal(pod) {
		options.Preconditions.ResourceVersion = &pod.ResourceVersion
	}
	if !dryRun(options.DryRun) {
		if err := e.mark(ctx, pod.Name, options.Preconditions); err != nil {
			return err
		}
	}
	_, _, err = e.pods.Delete(ctx, pod.Name, rest.ValidateAllObjectFunc, options)
	return err
}

// differs refuses a pod that is not the one that the client has seen.
func differs(p *metav1.Preconditions, pod *corev1.Pod) error {
	if p.UID != nil && *p.UID != pod.UID {
		return apierrors.NewConflict(corev1.Resource("pods"), pod.Name, fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s)", *p.UID, pod.UID))
	}
	if p.ResourceVersion != nil && *p.ResourceVersion != pod.ResourceVersion {
		return apierrors.NewConflict(corev1.Resource("pods"), pod.Name, fmt.Errorf("the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s)", *p.ResourceVersion, pod.ResourceVersion))
	}
	return nil
}

// counts reports whether the pod's end is a disruption: it is not for a pod that has not run, has finished or is going.
func counts(pod *corev1.Pod) bool {
	return pod.Status.Phase != corev1.PodPending && !pods.IsTerminal(pod) && pod.DeletionTimestamp == nil
}

// count takes one disruption from the budget that covers the pod, if any does, or refuses.
func (e *evictor) count(ctx context.Context, pod *corev1.Pod, dry bool) (counted bool, err error) {
	if !counts(pod) {
		return false, nil
	}
	budgets, err := e.covering(ctx, pod)
	if err != nil || len(budgets) == 0 {
		return false, err
	}
	if len(budgets) > 1 {
		return false, apierrors.NewInternalError(fmt.Errorf("this pod has more than one PodDisruptionBudget, which the eviction subresource does not support"))
	}
	budget := budgets[0]
	if spares(budget, pod) {
		return false, nil
	}
	key, err := e.budgets.KeyFunc(ctx, budget.Name)
	if err != nil {
		return false, err
	}
	var refused error
	err = e.budgets.Storage.GuaranteedUpdate(ctx, key, e.budgets.NewFunc(), false, nil, simpleUpdate(func(b *policyv1.PodDisruptionBudget) error {
		refused = takeDisruption(b, pod, e.d.Now())
		return refused
	}), dry, nil)
	if refused != nil {
		return false, refused
	}
	if err != nil {
		return false, storageError(err, policyv1.Resource("poddisruptionbudgets"), budget.Name)
	}
	return true, nil
}

// covering returns the budgets that select the pod. They are read from the registry and not from an informer, which may
// not know of the newest one.
func (e *evictor) covering(ctx context.Context, pod *corev1.Pod) ([]*policyv1.PodDisruptionBudget, error) {
	list, err := e.budgets.List(ctx, &internalversion.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list disruption budgets: %w", err)
	}
	all, ok := list.(*policyv1.PodDisruptionBudgetList)
	if !ok {
		return nil, fmt.Errorf("list disruption budgets: got a %T", list)
	}
	var out []*policyv1.PodDisruptionBudget
	for i := range all.Items {
		selector, err := metav1.LabelSelectorAsSelector(all.Items[i].Spec.Selector)
		if err == nil && selector.Matches(labels.Set(pod.Labels)) {
			out = append(out, &all.Items[i])
		}
	}
	return out, nil
}

// spares reports whether an unhealthy pod may go without counting (unhealthyPodEvictionPolicy).
func spares(b *policyv1.PodDisruptionBudget, pod *corev1.Pod) bool {
	if pods.IsReady(pod) {
		return false
	}
	if p := b.Spec.UnhealthyPodEvictionPolicy; p != nil && *p == policyv1.AlwaysAllow {
		return true
	}
	return b.Status.CurrentHealthy >= b.Status.DesiredHealthy && b.Status.DesiredHealthy > 0
}

// maxDisrupted bounds the pods that a budget remembers as going.
const maxDisrupted = 2000

// takeDisruption counts the pod's end in the budget's status, or says why it may not end.
func takeDisruption(b *policyv1.PodDisruptionBudget, pod *corev1.Pod, now time.Time) error {
	if b.Status.ObservedGeneration < b.Generation {
		err := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 10)
		err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{Type: policyv1.DisruptionBudgetCause,
			Message: fmt.Sprintf("The disruption budget %s is still being processed by the server.", b.Name)})
		return err
	}
	if b.Status.DisruptionsAllowed < 0 {
		return apierrors.NewForbidden(policyv1.Resource("poddisruptionbudget"), b.Name, fmt.Errorf("pdb disruptions allowed is negative"))
	}
	if len(b.Status.DisruptedPods) > maxDisrupted {
		return apierrors.NewForbidden(policyv1.Resource("poddisruptionbudget"), b.Name, fmt.Errorf("DisruptedPods map too big - too many evictions not confirmed by PDB controller"))
	}
	if b.Status.DisruptionsAllowed == 0 {
		err := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
		err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{Type: policyv1.DisruptionBudgetCause,
			Message: fmt.Sprintf("The disruption budget %s needs %d healthy pods and has %d currently", b.Name, b.Status.DesiredHealthy, b.Status.CurrentHealthy)})
		return err
	}
	b.Status.DisruptionsAllowed--
	if b.Status.DisruptedPods == nil {
		b.Status.DisruptedPods = map[string]metav1.Time{}
	}
	b.Status.DisruptedPods[pod.Name] = metav1.NewTime(now)
	return nil
}

// mark adds the condition DisruptionTarget, which says why the pod ends. If p wants a resource version, it is then the new one.
func (e *evictor) mark(ctx context.Context, name string, p *metav1.Preconditions) error {
	key, err := e.pods.KeyFunc(ctx, name)
	if err != nil {
		return err
	}
	marked := &corev1.Pod{}
	err = e.pods.Storage.GuaranteedUpdate(ctx, key, marked, false, storagePreconditions(p), simpleUpdate(func(p *corev1.Pod) error {
		setCondition(&p.Status, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI",
			Message: "Eviction API: evicting", LastTransitionTime: metav1.NewTime(e.d.Now())})
		return nil
	}), false, nil)
	if err != nil {
		return storageError(err, corev1.Resource("pods"), name)
	}
	if p.ResourceVersion != nil {
		p.ResourceVersion = &marked.ResourceVersion
	}
	return nil
}
