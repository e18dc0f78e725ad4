package admission

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/storage/names"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/proa-sh/proa/pkg/pods"
)

// defaultAccount is the service account of pods that name none.
const defaultAccount = "default"

// tokenPath is where containers find the token.
const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount"

// serviceAccount gives pods their service account, its token and its secrets to pull with. Mirror pods have none.
func serviceAccount() Plugin {
	return Plugin{Name: "ServiceAccount", On: []admission.Operation{admission.Create, admission.Update}, Does: mutates | validates, New: func(in Inputs) (Rules, error) {
		all := in.Informers.Core().V1().ServiceAccounts()
		p := &accounts{in.gate, in.Client, all.Lister()}
		return Rules{Needs: synced{all.Informer()}, Admit: p.admit, Validate: p.validate}, nil
	}}
}

// accounts gives pods their service account.
type accounts struct {
	gate
	client   kubernetes.Interface
	accounts corelisters.ServiceAccountLister
}

// admit completes a pod that is created.
func (p *accounts) admit(ctx context.Context, a admission.Attributes) error {
	pod, err := created(a)
	if pod == nil || err != nil {
		return err
	}
	if pods.IsMirror(pod) {
		return nil
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = defaultAccount
		pod.Spec.DeprecatedServiceAccount = defaultAccount
	}
	account, err := p.account(ctx, a, pod.Spec.ServiceAccountName)
	if err != nil {
		return err
	}
	if mounts(account, pod) {
		mount(pod)
	}
	if len(pod.Spec.ImagePullSecrets) == 0 {
		pod.Spec.ImagePullSecrets = append([]corev1.LocalObjectReference(nil), account.ImagePullSecrets...)
	}
	return nil
}

// validate refuses what static pods may not refer to, and an account that went away while others changed the pod.
func (p *accounts) validate(ctx context.Context, a admission.Attributes) error {
	pod, err := created(a)
	if pod == nil || err != nil {
		return err
	}
	if !pods.IsMirror(pod) {
		_, err := p.account(ctx, a, pod.Spec.ServiceAccountName)
		return err
	}
	if pod.Spec.ServiceAccountName != "" {
		return admission.NewForbidden(a, fmt.Errorf("a mirror pod may not reference service accounts"))
	}
	for _, v := range pod.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.ServiceAccountToken != nil {
				return admission.NewForbidden(a, fmt.Errorf("a mirror pod may not use ServiceAccountToken volume projections"))
			}
		}
	}
	return nil
}

// created returns the pod if one is being created.
func created(a admission.Attributes) (*corev1.Pod, error) {
	if a.GetResource().GroupResource() != corev1.Resource("pods") || a.GetSubresource() != "" || a.GetOperation() != admission.Create {
		return nil, nil
	}
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("expected a Pod, got a %T", a.GetObject()))
	}
	return pod, nil
}

// account finds a service account, which may have been made a moment ago.
func (p *accounts) account(ctx context.Context, a admission.Attributes, name string) (*corev1.ServiceAccount, error) {
	if err := p.ready(a); err != nil {
		return nil, err
	}
	account, err := p.accounts.ServiceAccounts(a.GetNamespace()).Get(name)
	if apierrors.IsNotFound(err) {
		account, err = p.client.CoreV1().ServiceAccounts(a.GetNamespace()).Get(ctx, name, metav1.GetOptions{})
	}
	if err != nil {
		return nil, admission.NewForbidden(a, fmt.Errorf("error looking up service account %s/%s: %w", a.GetNamespace(), name, err))
	}
	return account, nil
}

// mounts reports whether the token is wanted: the pod decides, then the account, and yes otherwise.
func mounts(account *corev1.ServiceAccount, pod *corev1.Pod) bool {
	if pod.Spec.AutomountServiceAccountToken != nil {
		return *pod.Spec.AutomountServiceAccountToken
	}
	return account.AutomountServiceAccountToken == nil || *account.AutomountServiceAccountToken
}

// mount adds the volume with the token to the pod and to each container that has nothing at its path.
func mount(pod *corev1.Pod) {
	name := names.SimpleNameGenerator.GenerateName("kube-api-access-")
	used := false
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			c := &containers[i]
			if hasMount(c) {
				continue
			}
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: name, ReadOnly: true, MountPath: tokenPath})
			used = true
		}
	}
	if used {
		pod.Spec.Volumes = append(pod.Spec.Volumes, tokenVolume(name))
	}
}

func hasMount(c *corev1.Container) bool {
	for _, m := range c.VolumeMounts {
		if m.MountPath == tokenPath {
			return true
		}
	}
	return false
}

// tokenSeconds is an hour and 7 seconds, by which the API server tells these tokens from others.
const tokenSeconds = 3607

func tokenVolume(name string) corev1.Volume {
	mode, seconds := corev1.ProjectedVolumeSourceDefaultMode, int64(tokenSeconds)
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: &mode,
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &seconds}},
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
				Items: []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}}}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}}}}},
		},
	}}}
}
