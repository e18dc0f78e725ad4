package serviceaccount

import (
	"context"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

type reconciler struct {
	control.Dependencies
	namespaces corelisters.NamespaceLister
	accounts   corelisters.ServiceAccountLister
}

// New makes the controller. Its keys are namespaces.
func New(d control.Dependencies) (control.Controller, error) {
	namespaces, accounts := d.Informers.Core().V1().Namespaces(), d.Informers.Core().V1().ServiceAccounts()
	r := &reconciler{Dependencies: d, namespaces: namespaces.Lister(), accounts: accounts.Lister()}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{
			control.Watch(namespaces.Informer(), func(old, now *v1.Namespace) []control.Key {
				return []control.Key{control.KeyOf("", control.Latest(old, now).Name)}
			}),
			control.Watch(accounts.Informer(), func(old, now *v1.ServiceAccount) []control.Key {
				if now != nil || !slices.Contains(names(), old.Name) {
					return nil
				}
				return []control.Key{control.KeyOf("", old.Namespace)}
			}),
		},
		Writes: []control.Written{control.Shows[v1.ServiceAccount](accounts.Informer())},
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
	for _, name := range plan(namespace, func(name string) bool {
		_, err := r.accounts.ServiceAccounts(namespace.Name).Get(name)
		return err == nil
	}).create {
		account := &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: name}}
		_, err := control.Create(ctx, r.Client.CoreV1().ServiceAccounts(namespace.Name), account)
		if err != nil && !apierrors.IsAlreadyExists(err) && !control.IsNamespaceEnding(err) {
			return control.Result{}, err
		}
	}
	return control.Result{}, nil
}
