package replicaset

import (
	"context"
	"errors"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/pods"
)

// reconciler brings one set's pods to the wanted number. T is ReplicaSet or ReplicationController.
type reconciler[T any, P control.Object[T]] struct {
	control.Workload[T, P]
	pods cache.SharedIndexInformer
	// form is a set in the form of a ReplicaSet.
	form func(P) *apps.ReplicaSet
	// countEnding says whether the status has a number of terminating pods.
	countEnding bool
	// writeStatus writes the status of a set when it has changed.
	writeStatus func(ctx context.Context, set P, status apps.ReplicaSetStatus) error
}

func (r *reconciler[T, P]) loop() (control.Controller, error) {
	for _, informer := range []cache.SharedIndexInformer{r.pods, r.Owners} {
		if err := control.IndexByController(informer); err != nil {
			return nil, err
		}
	}
	return control.NewLoop(control.Spec{
		Name: r.Name, Workers: r.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{r.WatchOwners(), control.WatchChildren[v1.Pod](&r.Workload, r.pods)},
		Writes:  []control.Written{control.Shows[v1.Pod](r.pods), control.Shows[T](r.Owners)},
	}), nil
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler[T, P]) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	set := r.Get(key)
	if set == nil {
		return control.Result{}, nil
	}
	o, err := r.observe(ctx, set)
	if err != nil {
		return control.Result{}, err
	}
	out := plan(o)
	failure := r.act(ctx, set, o, out)
	now, after := status(o, out, failure)
	return control.Result{RequeueAfter: after}, errors.Join(failure, r.writeStatus(ctx, set, now))
}

// observe gathers the set's pods, after adopting and releasing.
func (r *reconciler[T, P]) observe(ctx context.Context, set P) (observed, error) {
	children, err := control.Children(ctx, &r.Workload, set, control.Claim[v1.Pod]{
		Informer: r.pods, Client: r.Client.CoreV1().Pods(set.GetNamespace()), May: pods.IsActive,
	})
	if err != nil {
		return observed{}, err
	}
	o := observed{set: r.form(set), pods: children, countEnding: r.countEnding, now: time.Now()}
	o.neighbours, err = r.neighbours(o.set, children)
	return o, err
}

// neighbours counts the active pods per node of all sets that have the same controller as set.
func (r *reconciler[T, P]) neighbours(set *apps.ReplicaSet, own []*v1.Pod) (map[string]int, error) {
	if len(own) <= int(replicas(set)) {
		return nil, nil // nothing will be deleted
	}
	related := own
	if parent := metav1.GetControllerOfNoCopy(set); parent != nil {
		siblings, err := control.ControlledBy[T](r.Owners, &metav1.ObjectMeta{UID: parent.UID})
		if err != nil {
			return nil, err
		}
		for _, sibling := range siblings {
			if P(sibling).GetUID() == set.UID {
				continue
			}
			theirs, err := control.ControlledBy[v1.Pod](r.pods, P(sibling))
			if err != nil {
				return nil, err
			}
			related = append(related[:len(related):len(related)], theirs...)
		}
	}
	count := map[string]int{}
	for _, pod := range related {
		if pods.IsActive(pod) {
			count[pod.Spec.NodeName]++
		}
	}
	return count, nil
}

// act does what the plan asks for.
func (r *reconciler[T, P]) act(ctx context.Context, set P, o observed, out outcome) error {
	_, err := control.SlowStart(ctx, out.create, func(ctx context.Context, _ int) error {
		return r.CreatePod(ctx, set, control.PodFromTemplate(&o.set.Spec.Template, set, r.Kind))
	})
	if control.IsNamespaceEnding(err) {
		err = nil // the set goes as well
	}
	return errors.Join(err, control.All(ctx, len(out.remove), func(ctx context.Context, i int) error { return r.DeletePod(ctx, set, out.remove[i]) }))
}
