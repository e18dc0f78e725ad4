package legacytoken

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// pace is how often a token is looked at. Changes wake nothing, so that who takes the label off a token has a day to use it.
const pace = day

type reconciler struct {
	control.Dependencies
	secrets  corelisters.SecretLister
	accounts corelisters.ServiceAccountLister
	configs  corelisters.ConfigMapLister
	pods     corelisters.PodLister
	period   time.Duration
}

// New makes the controller. A token that has not been used for period is marked, and deleted after as long again. Its keys are
// Secrets.
func New(d control.Dependencies, period time.Duration) (control.Controller, error) {
	core := d.Informers.Core().V1()
	r := reconciler{d, core.Secrets().Lister(), core.ServiceAccounts().Lister(), core.ConfigMaps().Lister(), core.Pods().Lister(), period}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.reconcile,
		Watches: []source.Source{control.Watch(core.Secrets().Informer(), func(old, now *v1.Secret) []control.Key {
			if old != nil || now.Type != v1.SecretTypeServiceAccountToken {
				return nil
			}
			return []control.Key{control.KeyOf(now.Namespace, now.Name)}
		})},
		Reads:  []cache.SharedIndexInformer{core.ServiceAccounts().Informer(), core.ConfigMaps().Informer(), core.Pods().Informer()},
		Writes: []control.Written{control.Shows[v1.Secret](core.Secrets().Informer())},
	}), nil
}

// reconcile implements reconcile.Reconciler.
func (r reconciler) reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	secret, err := r.secrets.Secrets(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) || err == nil && secret.Type != v1.SecretTypeServiceAccountToken {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read secret: %w", err)
	}
	o, err := r.observe(secret)
	if err != nil {
		return control.Result{}, err
	}
	if err := r.act(ctx, secret, plan(o)); err != nil {
		return control.Result{}, err
	}
	return control.Result{RequeueAfter: pace}, nil
}

func (r reconciler) observe(secret *v1.Secret) (observed, error) {
	o := observed{secret: secret, period: r.period, now: time.Now()}
	account, err := r.accounts.ServiceAccounts(secret.Namespace).Get(secret.Annotations[v1.ServiceAccountNameKey])
	switch {
	case err == nil:
		o.account = account
	case !apierrors.IsNotFound(err):
		return o, fmt.Errorf("read service account: %w", err)
	}
	config, err := r.configs.ConfigMaps(metav1.NamespaceSystem).Get(tracking)
	switch {
	case err == nil:
		o.tracked = config.Data[since]
	case !apierrors.IsNotFound(err):
		return o, fmt.Errorf("read since when the use of tokens is noted: %w", err)
	}
	if o.pods, err = r.pods.Pods(secret.Namespace).List(labels.Everything()); err != nil {
		return o, fmt.Errorf("list pods: %w", err)
	}
	return o, nil
}

// act writes to the version that the plan was made for: a token that was used meanwhile stays.
func (r reconciler) act(ctx context.Context, secret *v1.Secret, out outcome) error {
	logger := klog.FromContext(ctx).WithValues("secret", klog.KObj(secret))
	client := r.Client.CoreV1().Secrets(secret.Namespace)
	switch {
	case out.remove:
		logger.V(2).Info("Deleting token that has been invalid for the whole period", "since", secret.Labels[invalidSince])
		return control.Delete(ctx, client, secret, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion}})
	case out.invalidate != "":
		logger.Info("Marking token as invalid that nobody has used for the whole period; take the label off to keep it", "label", invalidSince, "period", r.period)
		patch := fmt.Appendf(nil, `{"metadata":{"uid":%q,"resourceVersion":%q,"labels":{%q:%q}}}`, secret.UID, secret.ResourceVersion, invalidSince, out.invalidate)
		_, err := control.Patch(ctx, client, secret, types.MergePatchType, patch)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	return nil
}
