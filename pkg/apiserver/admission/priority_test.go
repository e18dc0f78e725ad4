package admission

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

// newPriority returns a plugin whose informer knows the classes.
func newPriority(t *testing.T, client []runtime.Object, known ...*schedulingv1.PriorityClass) Rules {
	t.Helper()
	clientset := fake.NewClientset(client...)
	factory := informers.NewSharedInformerFactory(clientset, 0)
	for _, c := range known {
		if err := factory.Scheduling().V1().PriorityClasses().Informer().GetIndexer().Add(c); err != nil {
			t.Fatal(err)
		}
	}
	p := build(t, priority(), Inputs{Informers: factory, Client: clientset})
	return p
}

func class(name string, value int32, change ...func(*schedulingv1.PriorityClass)) *schedulingv1.PriorityClass {
	c := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value}
	for _, f := range change {
		f(c)
	}
	return c
}

func asDefault(c *schedulingv1.PriorityClass) { c.GlobalDefault = true }

func TestPriority(t *testing.T) {
	never := corev1.PreemptNever
	high := class("high", 1000, func(c *schedulingv1.PriorityClass) { c.PreemptionPolicy = &never })
	number := func(n int32) *int32 { return &n }
	for _, c := range []struct {
		name    string
		classes []*schedulingv1.PriorityClass
		pod     corev1.PodSpec
		want    int32
		class   string
		policy  corev1.PreemptionPolicy
		says    string
	}{
		{"no class", nil, corev1.PodSpec{}, 0, "", corev1.PreemptLowerPriority, ""},
		{"a class", []*schedulingv1.PriorityClass{high}, corev1.PodSpec{PriorityClassName: "high"}, 1000, "high", corev1.PreemptNever, ""},
		{"a class that only storage knows", nil, corev1.PodSpec{PriorityClassName: "stored"}, 7, "stored", corev1.PreemptLowerPriority, ""},
		{"a class that there is not", nil, corev1.PodSpec{PriorityClassName: "none"}, 0, "", "", "no PriorityClass with name none was found"},
		{"the default class", []*schedulingv1.PriorityClass{high, class("std", 10, asDefault)}, corev1.PodSpec{}, 10, "std", corev1.PreemptLowerPriority, ""},
		{"the lower of two", []*schedulingv1.PriorityClass{class("b", 20, asDefault), class("a", 10, asDefault)}, corev1.PodSpec{}, 10, "a", corev1.PreemptLowerPriority, ""},
		{"the number of its class", []*schedulingv1.PriorityClass{high}, corev1.PodSpec{PriorityClassName: "high", Priority: number(1000)}, 1000, "high", corev1.PreemptNever, ""},
		{"another number", []*schedulingv1.PriorityClass{high}, corev1.PodSpec{PriorityClassName: "high", Priority: number(2000)}, 0, "", "", "the integer value of priority (2000) must not be provided"},
		{"another policy", nil, corev1.PodSpec{PreemptionPolicy: &never}, 0, "", "", "the string value of PreemptionPolicy (Never) must not be provided"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: c.pod}
			a := admission.NewAttributesRecord(pod, nil, corev1.SchemeGroupVersion.WithKind("Pod"), "ns", "p", corev1.SchemeGroupVersion.WithResource("pods"), "", admission.Create, nil, false, nil)
			err := newPriority(t, []runtime.Object{class("stored", 7)}, c.classes...).Admit(t.Context(), a)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want ...%s", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if *pod.Spec.Priority != c.want || pod.Spec.PriorityClassName != c.class || *pod.Spec.PreemptionPolicy != c.policy {
				t.Errorf("got %d of %q, %s; want %d of %q, %s", *pod.Spec.Priority, pod.Spec.PriorityClassName, *pod.Spec.PreemptionPolicy, c.want, c.class, c.policy)
			}
		})
	}
}

// TestAdmitUpdate keeps what a client that does not know of it has left out.
func TestPriorityAdmitUpdate(t *testing.T) {
	number, policy := int32(5), corev1.PreemptNever
	old := &corev1.Pod{Spec: corev1.PodSpec{Priority: &number, PreemptionPolicy: &policy}}
	pod := &corev1.Pod{}
	a := admission.NewAttributesRecord(pod, old, corev1.SchemeGroupVersion.WithKind("Pod"), "ns", "p", corev1.SchemeGroupVersion.WithResource("pods"), "", admission.Update, nil, false, nil)
	if err := newPriority(t, nil).Admit(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if pod.Spec.Priority == nil || *pod.Spec.Priority != 5 || *pod.Spec.PreemptionPolicy != policy {
		t.Errorf("got %v", pod.Spec)
	}
}

func TestPriorityValidates(t *testing.T) {
	for _, c := range []struct {
		name  string
		class *schedulingv1.PriorityClass
		ok    bool
	}{
		{"an ordinary class", class("b", 1), true},
		{"a second default", class("b", 1, asDefault), false},
		{"the default again", class("a", 1, asDefault), true},
	} {
		a := admission.NewAttributesRecord(c.class, nil, schedulingv1.SchemeGroupVersion.WithKind("PriorityClass"), "", c.class.Name, schedulingv1.SchemeGroupVersion.WithResource("priorityclasses"), "", admission.Create, nil, false, nil)
		if err := newPriority(t, nil, class("a", 1, asDefault)).Validate(t.Context(), a); (err == nil) != c.ok {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}
