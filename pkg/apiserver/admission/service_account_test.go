package admission

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func newServiceAccount(t *testing.T, stored []runtime.Object, known ...*corev1.ServiceAccount) Rules {
	t.Helper()
	client := fake.NewClientset(stored...)
	factory := informers.NewSharedInformerFactory(client, 0)
	for _, a := range known {
		if err := factory.Core().V1().ServiceAccounts().Informer().GetIndexer().Add(a); err != nil {
			t.Fatal(err)
		}
	}
	p := build(t, serviceAccount(), Inputs{Informers: factory, Client: client})
	return p
}

func account(name string, change ...func(*corev1.ServiceAccount)) *corev1.ServiceAccount {
	a := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}}
	for _, f := range change {
		f(a)
	}
	return a
}

func creation(pod *corev1.Pod) admission.Attributes {
	return admission.NewAttributesRecord(pod, nil, corev1.SchemeGroupVersion.WithKind("Pod"), "ns", "p", corev1.SchemeGroupVersion.WithResource("pods"), "", admission.Create, nil, false, nil)
}

func TestServiceAccount(t *testing.T) {
	no, yes := false, true
	pull := []corev1.LocalObjectReference{{Name: "registry"}}
	std := account("default", func(a *corev1.ServiceAccount) { a.ImagePullSecrets = pull })
	closed := account("closed", func(a *corev1.ServiceAccount) { a.AutomountServiceAccountToken = &no })
	two := []corev1.Container{{Name: "a"}, {Name: "b"}}
	own := []corev1.Container{{Name: "a", VolumeMounts: []corev1.VolumeMount{{Name: "mine", MountPath: tokenPath}}}}
	for _, c := range []struct {
		name    string
		pod     corev1.PodSpec
		account string
		mounts  int // containers that get the token
		says    string
	}{
		{"no account", corev1.PodSpec{Containers: two}, "default", 2, ""},
		{"init containers too", corev1.PodSpec{InitContainers: two, Containers: two}, "default", 4, ""},
		{"an account that only storage knows", corev1.PodSpec{Containers: two, ServiceAccountName: "stored"}, "stored", 2, ""},
		{"an account that there is not", corev1.PodSpec{Containers: two, ServiceAccountName: "none"}, "", 0, "error looking up service account ns/none"},
		{"a pod that wants no token", corev1.PodSpec{Containers: two, AutomountServiceAccountToken: &no}, "default", 0, ""},
		{"an account that gives none", corev1.PodSpec{Containers: two, ServiceAccountName: "closed"}, "closed", 0, ""},
		{"a pod that wants it all the same", corev1.PodSpec{Containers: two, ServiceAccountName: "closed", AutomountServiceAccountToken: &yes}, "closed", 2, ""},
		{"something at its place", corev1.PodSpec{Containers: own}, "default", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			pod := (&corev1.Pod{Spec: c.pod}).DeepCopy()
			err := newServiceAccount(t, []runtime.Object{account("stored")}, std, closed).Admit(t.Context(), creation(pod))
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want ...%s", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			mounted := 0
			for _, all := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
				for _, container := range all {
					for _, m := range container.VolumeMounts {
						if m.MountPath == tokenPath && m.ReadOnly && len(pod.Spec.Volumes) == 1 && m.Name == pod.Spec.Volumes[0].Name {
							mounted++
						}
					}
				}
			}
			if mounted != c.mounts || (len(pod.Spec.Volumes) > 0) != (c.mounts > 0) || pod.Spec.ServiceAccountName != c.account {
				t.Errorf("got %d mounts and %d volumes of account %q, want %d of %q", mounted, len(pod.Spec.Volumes), pod.Spec.ServiceAccountName, c.mounts, c.account)
			}
			if got := len(pod.Spec.ImagePullSecrets); c.account == "default" && got != 1 {
				t.Errorf("got %d secrets to pull with", got)
			}
		})
	}
}

func TestServiceAccountValidates(t *testing.T) {
	mirror := func(spec corev1.PodSpec) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{corev1.MirrorPodAnnotationKey: "x"}}, Spec: spec}
	}
	token := corev1.PodSpec{Volumes: []corev1.Volume{{VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{}}}}}}}}
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		says string
	}{
		{"mirror pod", mirror(corev1.PodSpec{}), ""},
		{"mirror pod with an account", mirror(corev1.PodSpec{ServiceAccountName: "default"}), "a mirror pod may not reference service accounts"},
		{"mirror pod with a token", mirror(token), "a mirror pod may not use ServiceAccountToken volume projections"},
		{"pod", &corev1.Pod{Spec: corev1.PodSpec{ServiceAccountName: "default"}}, ""},
		{"pod of an account that somebody else has put in", &corev1.Pod{Spec: corev1.PodSpec{ServiceAccountName: "none"}}, "error looking up service account"},
	} {
		err := newServiceAccount(t, nil, account("default")).Validate(t.Context(), creation(c.pod))
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want ...%s", c.name, err, c.says)
		}
	}
}
