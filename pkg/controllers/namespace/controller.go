package namespace

import (
	"context"
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// Controller empties namespaces.
type Controller struct {
	control.Dependencies
	namespaces corelisters.NamespaceLister
	content    content
	leftovers  *leftovers
	loop       *control.Loop
	life       context.Context // of Run, which the watches of leftovers share
}

// New makes the controller.
func New(d control.Dependencies) (control.Controller, error) {
	client, err := metadata.NewForConfig(rest.CopyConfig(d.REST))
	if err != nil {
		return nil, fmt.Errorf("make metadata client: %w", err)
	}
	namespaces := d.Informers.Core().V1().Namespaces()
	trigger := &control.Trigger{}
	c := &Controller{
		Dependencies: d, namespaces: namespaces.Lister(),
		content: content{d.Client.Discovery(), client},
		leftovers: &leftovers{
			metadata: client, watched: map[leftover]struct{}{},
			gone: func(namespace string) { trigger.Wake(control.KeyOf("", namespace)) },
		},
	}
	c.loop = control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: c.Reconcile,
		Watches: []source.Source{trigger, control.Watch(namespaces.Informer(), func(_, now *v1.Namespace) []control.Key {
			if now == nil || !ours(now) {
				return nil
			}
			return []control.Key{control.KeyOf("", now.Name)}
		})},
		Writes: []control.Written{control.Shows[v1.Namespace](namespaces.Informer())},
	})
	return c, nil
}

// Run implements control.Controller.
func (c *Controller) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	c.life = ctx
	err := c.loop.Run(ctx)
	cancel()
	c.leftovers.wait()
	return err
}

// Reconcile implements reconcile.Reconciler.
func (c *Controller) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	namespace, err := c.namespaces.Get(key.Name)
	if apierrors.IsNotFound(err) || (err == nil && !ours(namespace)) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read namespace: %w", err)
	}
	found, left, err := c.content.empty(ctx, namespace.Name)
	if err != nil {
		return control.Result{}, err
	}
	v := plan(namespace, found, time.Now())
	for resource, list := range left {
		c.leftovers.watch(c.life, namespace.Name, resource, list)
	}
	switch {
	case v.finalize:
		return control.Result{}, c.finalize(ctx, namespace)
	case v.conditions != nil:
		if err := c.describe(ctx, namespace, v.conditions); err != nil {
			return control.Result{}, err
		}
	}
	if len(found.failed)+len(found.undiscovered) > 0 {
		return control.Result{}, fmt.Errorf("empty namespace %q: %d kinds failed and %d groups did not answer; see its conditions", namespace.Name, len(found.failed), len(found.undiscovered))
	}
	return control.Result{RequeueAfter: v.again}, nil
}

// describe writes the conditions.
func (c *Controller) describe(ctx context.Context, namespace *v1.Namespace, conditions []v1.NamespaceCondition) error {
	if equality.Semantic.DeepEqual(namespace.Status.Conditions, conditions) {
		return nil
	}
	changed := namespace.DeepCopy()
	changed.Status.Phase = v1.NamespaceTerminating
	changed.Status.Conditions = conditions
	_, err := control.UpdateStatus(ctx, c.Client.CoreV1().Namespaces(), changed)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// finalize takes the finalizer away, with which the namespace goes.
func (c *Controller) finalize(ctx context.Context, namespace *v1.Namespace) error {
	changed := namespace.DeepCopy()
	changed.Spec.Finalizers = slices.DeleteFunc(changed.Spec.Finalizers, func(f v1.FinalizerName) bool { return f == v1.FinalizerKubernetes })
	updated, err := c.Client.CoreV1().Namespaces().Finalize(ctx, changed, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finalize namespace %q: %w", namespace.Name, err)
	}
	control.Wrote(ctx, updated)
	klog.FromContext(ctx).V(2).Info("Emptied namespace", "namespace", namespace.Name)
	return nil
}
