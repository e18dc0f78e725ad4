package resourcequota

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
	usage "github.com/proa-sh/proa/pkg/quota"
)

// check is how often a quota is computed without an event: pods that take longer to end than they were given stop
// counting with time, and admission's own additions may have been lost.
const check = 5 * time.Minute

// Controller computes quotas.
type Controller struct {
	control.Dependencies
	quotas   corelisters.ResourceQuotaLister
	registry quota.Registry
	counter  *counter
	loop     *control.Loop
	life     context.Context // of Run, which the counter's informers share
	// again is how often it is looked for a kind that a quota counts and that does not exist.
	again time.Duration
}

// New makes the controller. Its keys are ResourceQuotas.
func New(d control.Dependencies) (control.Controller, error) { return build(d, control.DiscoverAgain) }

func build(d control.Dependencies, again time.Duration) (control.Controller, error) {
	client, err := metadata.NewForConfig(rest.CopyConfig(d.REST))
	if err != nil {
		return nil, fmt.Errorf("make metadata client: %w", err)
	}
	core := d.Informers.Core().V1()
	trigger := &control.Trigger{}
	c := &Controller{Dependencies: d, quotas: core.ResourceQuotas().Lister(), again: again}
	c.counter = &counter{
		client: d.Client, metadata: client, mapper: control.NewMapper(d.Client.Discovery(), again),
		known: map[schema.GroupResource]quota.Evaluator{}, running: map[schema.GroupResource]*counted{},
		fewer: func(namespace string) {
			for _, key := range c.quotasOf(namespace) {
				trigger.Wake(key)
			}
		},
		changed: func(kind schema.GroupResource, counted bool) {
			pause := time.Duration(0)
			if !counted {
				pause = again
			}
			for _, key := range c.quotasOfKind(kind) {
				trigger.WakeAfter(key, pause)
			}
		},
	}
	c.registry = c.newRegistry()
	c.counter.registry = c.registry
	c.loop = control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: c.Reconcile, Watches: append(c.watches(), trigger),
		Writes: []control.Written{control.Shows[v1.ResourceQuota](core.ResourceQuotas().Informer())},
	})
	return c, nil
}

// newRegistry has the evaluators of the kinds that the process has informers of. The counter adds those of others.
func (c *Controller) newRegistry() quota.Registry {
	var ready []quota.Evaluator
	for _, one := range usage.Evaluators(c.listerOf, clock.RealClock{}) {
		if one.GroupResource() == resourceClaims {
			c.counter.known[resourceClaims] = one
			continue
		}
		ready = append(ready, one)
	}
	return generic.NewRegistry(ready)
}

// listerOf implements quota.ListerForResourceFunc.
func (c *Controller) listerOf(resource schema.GroupVersionResource) (cache.GenericLister, error) {
	if resource.GroupResource() == resourceClaims {
		indexer, err := c.counter.indexer(resourceClaims)
		if err != nil {
			return nil, err
		}
		return cache.NewGenericLister(indexer, resourceClaims), nil
	}
	informer, err := c.Informers.ForResource(resource)
	if err != nil {
		return nil, err
	}
	return informer.Lister(), nil
}

// watches wake the quotas of a namespace when something that they count goes or changes its cost. What comes was counted by
// admission, before it was stored: a count at that moment would miss what other requests are about to store, and so would
// one at each of admission's writes of the status.
func (c *Controller) watches() []source.Source {
	core := c.Informers.Core().V1()
	return []source.Source{
		control.Watch(core.ResourceQuotas().Informer(), func(old, now *v1.ResourceQuota) []control.Key {
			switch {
			case now == nil:
				return c.quotasOf(old.Namespace) // quotas count quotas too
			case old != nil && equality.Semantic.DeepEqual(old.Spec, now.Spec):
				return nil
			}
			return []control.Key{control.KeyOf(now.Namespace, now.Name)}
		}),
		watch(c, core.Pods().Informer(), c.sameCost),
		watch(c, core.Services().Informer(), func(old, now *v1.Service) bool { return equality.Semantic.DeepEqual(old.Spec, now.Spec) }),
		watch(c, core.PersistentVolumeClaims().Informer(), func(old, now *v1.PersistentVolumeClaim) bool {
			return equality.Semantic.DeepEqual(old.Spec, now.Spec) && equality.Semantic.DeepEqual(old.Status, now.Status)
		}),
		watch(c, core.ConfigMaps().Informer(), func(_, _ *v1.ConfigMap) bool { return true }),
		watch(c, core.Secrets().Informer(), func(_, _ *v1.Secret) bool { return true }),
		watch(c, core.ReplicationControllers().Informer(), func(_, _ *v1.ReplicationController) bool { return true }),
	}
}

// watch wakes the quotas of an object's namespace when it has gone or has changed, unless its cost is the same.
func watch[T any](c *Controller, informer cache.SharedIndexInformer, same func(old, now *T) bool) source.Source {
	return control.Watch(informer, func(old, now *T) []control.Key {
		if old == nil || now != nil && same(old, now) {
			return nil
		}
		return c.quotasOf(any(control.Latest(old, now)).(metav1.Object).GetNamespace())
	})
}

// sameCost says whether a pod costs what it cost before. Most changes of a pod, to be put on a node first of all, cost nothing.
func (c *Controller) sameCost(old, now *v1.Pod) bool {
	evaluator := c.registry.Get(schema.GroupResource{Resource: "pods"})
	before, err := evaluator.Usage(old)
	if err != nil {
		return false
	}
	after, err := evaluator.Usage(now)
	return err == nil && quota.Equals(before, after)
}

// quotasOf are the keys of the quotas of a namespace.
func (c *Controller) quotasOf(namespace string) []control.Key {
	all, err := c.quotas.ResourceQuotas(namespace).List(labels.Everything())
	if err != nil {
		return nil // a lister over a cache does not fail
	}
	var keys []control.Key
	for _, one := range all {
		keys = append(keys, control.KeyOf(one.Namespace, one.Name))
	}
	return keys
}

// quotasOfKind are the keys of all quotas that count a kind by name.
func (c *Controller) quotasOfKind(kind schema.GroupResource) []control.Key {
	all, err := c.quotas.List(labels.Everything())
	if err != nil {
		return nil // a lister over a cache does not fail
	}
	var keys []control.Key
	for _, one := range all {
		if slices.Contains(kindsOf(one.Spec.Hard), kind) {
			keys = append(keys, control.KeyOf(one.Namespace, one.Name))
		}
	}
	return keys
}

// Run implements control.Controller.
func (c *Controller) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	c.life = ctx
	err := c.loop.Run(ctx)
	cancel()
	c.counter.wait()
	return err
}

// Reconcile implements reconcile.Reconciler.
func (c *Controller) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	one, err := c.quotas.ResourceQuotas(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read quota: %w", err)
	}
	all, err := c.counter.follow(c.life, one.Spec.Hard)
	if err != nil {
		return control.Result{}, err
	}
	o := observed{quota: one, again: check}
	if !all {
		o.again = c.again // somebody may install the kind
	}
	// What could not be computed is missing in used, and keeps its old value.
	used, failure := quota.CalculateUsage(one.Namespace, one.Spec.Scopes, one.Spec.Hard, c.registry, one.Spec.ScopeSelector)
	o.used = used
	out := plan(o)
	if out.update == nil {
		return control.Result{RequeueAfter: out.after}, failure
	}
	if _, err = control.UpdateStatus(ctx, c.Client.CoreV1().ResourceQuotas(one.Namespace), out.update); apierrors.IsNotFound(err) {
		err = nil
	}
	return control.Result{RequeueAfter: out.after}, errors.Join(failure, err)
}
