package serviceaccounttoken

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// byAccount is the name of the index of Secrets by the account that they name.
const byAccount = "proa.sh/service-account"

type reconciler struct {
	control.Dependencies
	accounts corelisters.ServiceAccountLister
	secrets  cache.SharedIndexInformer
	signer   jose.Signer
	ca       []byte
}

// New makes the controller. key is the private key that signs, ca the bundle for clients, both in PEM. Its keys are
// service accounts.
func New(d control.Dependencies, key, ca []byte) (control.Controller, error) {
	signer, err := newSigner(key)
	if err != nil {
		return nil, err
	}
	core := d.Informers.Core().V1()
	r := &reconciler{Dependencies: d, accounts: core.ServiceAccounts().Lister(), secrets: core.Secrets().Informer(), signer: signer, ca: ca}
	if err := control.AddIndex(r.secrets, byAccount, accountOf); err != nil {
		return nil, err
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{
			control.Watch(r.secrets, secretChanged),
			control.Watch(core.ServiceAccounts().Informer(), func(old, now *v1.ServiceAccount) []control.Key {
				if old != nil && now != nil && old.UID == now.UID {
					return nil
				}
				account := control.Latest(old, now)
				return []control.Key{control.KeyOf(account.Namespace, account.Name)}
			}),
		},
		Writes: []control.Written{control.Shows[v1.Secret](r.secrets)},
	}), nil
}

// accountOf implements cache.IndexFunc.
func accountOf(item any) ([]string, error) {
	secret, ok := item.(*v1.Secret)
	if !ok {
		return nil, fmt.Errorf("index secret by service account: found %T", item)
	}
	if name := secret.Annotations[v1.ServiceAccountNameKey]; name != "" && secret.Type == v1.SecretTypeServiceAccountToken {
		return []string{secret.Namespace + "/" + name}, nil
	}
	return nil, nil
}

// secretChanged wakes the account that a Secret names.
func secretChanged(_, now *v1.Secret) []control.Key {
	if now == nil {
		return nil
	}
	names, err := accountOf(now)
	if err != nil || len(names) == 0 {
		return nil
	}
	return []control.Key{control.KeyOfCached(names[0])}
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	secrets, err := control.ByIndex[v1.Secret](r.secrets, byAccount, key.String())
	if err != nil {
		return control.Result{}, err
	}
	account, err := found(r.accounts.ServiceAccounts(key.Namespace).Get(key.Name))
	if err != nil {
		return control.Result{}, err
	}
	if out := plan(observed{account, secrets, r.ca}); len(out.fill)+len(out.remove) == 0 {
		return control.Result{}, nil
	}
	// The last word on whose token it is is the server's.
	account, err = found(r.Client.CoreV1().ServiceAccounts(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{}))
	if err != nil {
		return control.Result{}, err
	}
	return control.Result{}, r.act(ctx, account, plan(observed{account, secrets, r.ca}))
}

// found is the account, or nil when there is none.
func found(account *v1.ServiceAccount, err error) (*v1.ServiceAccount, error) {
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read service account: %w", err)
	}
	return account, nil
}

func (r *reconciler) act(ctx context.Context, account *v1.ServiceAccount, out outcome) error {
	var failed []error
	for _, secret := range out.remove {
		klog.FromContext(ctx).V(2).Info("Deleting token, its service account does not exist", "secret", klog.KObj(secret))
		failed = append(failed, control.Delete(ctx, r.Client.CoreV1().Secrets(secret.Namespace), secret, metav1.DeleteOptions{}))
	}
	for _, secret := range out.fill {
		failed = append(failed, r.fill(ctx, account, secret))
	}
	return errors.Join(failed...)
}

// fill signs the token of a Secret that has none, and writes the Secret.
func (r *reconciler) fill(ctx context.Context, account *v1.ServiceAccount, secret *v1.Secret) error {
	if len(secret.Data[v1.ServiceAccountTokenKey]) == 0 {
		token, err := tokenOf(r.signer, secret, account)
		if err != nil {
			return err
		}
		secret.Data[v1.ServiceAccountTokenKey] = []byte(token)
	}
	_, err := control.Update(ctx, r.Client.CoreV1().Secrets(secret.Namespace), secret)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
