package admission

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

type warnings []string

func (w *warnings) AddWarning(_, text string) { *w = append(*w, text) }

func namespace(level string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns", Labels: map[string]string{"pod-security.kubernetes.io/enforce": level, "pod-security.kubernetes.io/warn": level}}}
}

func TestPodSecurityValidates(t *testing.T) {
	client := fake.NewClientset()
	factory := informers.NewSharedInformerFactory(client, 0)
	host := corev1.PodSpec{HostPID: true, Containers: []corev1.Container{{Name: "c"}}}
	plain := corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}}
	for store, o := range map[interface{ Add(any) error }]any{
		factory.Core().V1().Namespaces().Informer().GetIndexer(): namespace("baseline"),
		factory.Core().V1().Pods().Informer().GetIndexer():       &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "running"}, Spec: host},
	} {
		if err := store.Add(o); err != nil {
			t.Fatal(err)
		}
	}
	p := build(t, podSecurity(), Inputs{Informers: factory, Client: client})
	pods, deployments := corev1.SchemeGroupVersion.WithResource("pods"), appsv1.SchemeGroupVersion.WithResource("deployments")
	namespaces := corev1.SchemeGroupVersion.WithResource("namespaces")
	deployment := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: host}}}
	for _, c := range []struct {
		name        string
		object, old runtime.Object
		resource    schema.GroupVersionResource
		subresource string
		says, warns string
	}{
		{"a pod that keeps to it", &corev1.Pod{Spec: plain}, nil, pods, "", "", ""},
		{"a pod that does not", &corev1.Pod{Spec: host}, nil, pods, "", `pods "x" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostPID=true)`, ""},
		{"its status", &corev1.Pod{Spec: host}, &corev1.Pod{Spec: host}, pods, "status", "", ""},
		{"who makes such pods", deployment, nil, deployments, "", "", `would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)`},
		{"a level that there is not", namespace("high"), namespace("baseline"), namespaces, "", `Invalid value: "high"`, ""},
		{"a higher level", namespace("restricted"), namespace("baseline"), namespaces, "", "", `existing pods in namespace "ns" violate the new PodSecurity enforce level "restricted:latest"`},
		{"something else", &corev1.ConfigMap{}, nil, corev1.SchemeGroupVersion.WithResource("configmaps"), "", "", ""},
	} {
		op := admission.Create
		if c.old != nil {
			op = admission.Update
		}
		var warned warnings
		a := admission.NewAttributesRecord(c.object, c.old, schema.GroupVersionKind{}, "ns", "x", c.resource, c.subresource, op, nil, false, &user.DefaultInfo{Name: "jane"})
		err := p.Validate(warning.WithWarningRecorder(t.Context(), &warned), a)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want ...%s", c.name, err, c.says)
		}
		if got := strings.Join(warned, "\n"); (got == "") != (c.warns == "") || !strings.Contains(got, c.warns) {
			t.Errorf("%s: warned %q, want ...%s", c.name, got, c.warns)
		}
	}
}
