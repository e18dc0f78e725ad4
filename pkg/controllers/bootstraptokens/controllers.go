package bootstraptokens

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/cluster-bootstrap/token/api"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// clusterInfo is the one key of the controller that signs.
func clusterInfo() control.Key {
	return control.KeyOf(metav1.NamespacePublic, api.ConfigMapClusterInfo)
}

type signing struct {
	control.Dependencies
	configs corelisters.ConfigMapLister
	secrets corelisters.SecretLister
}

// NewSigner makes the controller that signs cluster-info.
func NewSigner(d control.Dependencies) (control.Controller, error) {
	core := d.Informers.Core().V1()
	s := signing{d, core.ConfigMaps().Lister(), core.Secrets().Lister()}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: s.reconcile,
		Watches: []source.Source{
			control.Watch(core.ConfigMaps().Informer(), func(_, now *v1.ConfigMap) []control.Key {
				if now == nil || control.KeyOf(now.Namespace, now.Name) != clusterInfo() {
					return nil
				}
				return []control.Key{clusterInfo()}
			}),
			control.Watch(core.Secrets().Informer(), func(old, now *v1.Secret) []control.Key {
				if !isToken(control.Latest(old, now)) {
					return nil
				}
				return []control.Key{clusterInfo()}
			}),
		},
		Writes: []control.Written{control.Shows[v1.ConfigMap](core.ConfigMaps().Informer())},
	}), nil
}

// reconcile implements reconcile.Reconciler.
func (s signing) reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	config, err := s.configs.ConfigMaps(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read config map: %w", err)
	}
	secrets, err := s.secrets.Secrets(metav1.NamespaceSystem).List(labels.Everything())
	if err != nil {
		return control.Result{}, fmt.Errorf("list secrets: %w", err)
	}
	out := plan(observed{config, secrets, time.Now()})
	if out.update != nil {
		_, err = control.Update(ctx, s.Client.CoreV1().ConfigMaps(key.Namespace), out.update)
		if apierrors.IsNotFound(err) {
			err = nil
		}
	}
	return control.Result{RequeueAfter: out.after}, err
}

// NewCleaner makes the controller that deletes tokens that have expired. Its keys are Secrets.
func NewCleaner(d control.Dependencies) (control.Controller, error) {
	secrets := d.Informers.Core().V1().Secrets()
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers,
		Reconcile: func(ctx context.Context, key control.Key) (control.Result, error) {
			secret, err := secrets.Lister().Secrets(key.Namespace).Get(key.Name)
			if apierrors.IsNotFound(err) {
				return control.Result{}, nil
			}
			if err != nil {
				return control.Result{}, fmt.Errorf("read secret: %w", err)
			}
			if left, limited := expiry(secret, time.Now()); !limited || left > 0 {
				return control.Result{RequeueAfter: left}, nil
			}
			klog.FromContext(ctx).V(2).Info("Deleting bootstrap token that has expired", "secret", klog.KObj(secret))
			return control.Result{}, control.Delete(ctx, d.Client.CoreV1().Secrets(secret.Namespace), secret, metav1.DeleteOptions{})
		},
		Watches: []source.Source{control.Watch(secrets.Informer(), func(_, now *v1.Secret) []control.Key {
			if now == nil || !isToken(now) || now.DeletionTimestamp != nil {
				return nil
			}
			return []control.Key{control.KeyOf(now.Namespace, now.Name)}
		})},
		Writes: []control.Written{control.Shows[v1.Secret](secrets.Informer())},
	}), nil
}
