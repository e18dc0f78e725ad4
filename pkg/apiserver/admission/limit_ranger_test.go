package admission

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

// list makes a resource list of "cpu=1 memory=1Gi".
func list(text string) corev1.ResourceList {
	if text == "" {
		return nil
	}
	out := corev1.ResourceList{}
	for _, field := range strings.Fields(text) {
		name, value, _ := strings.Cut(field, "=")
		out[corev1.ResourceName(name)] = resource.MustParse(value)
	}
	return out
}

func needs(requests, limits string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: list(requests), Limits: list(limits)}
}

func limitRange(items ...corev1.LimitRangeItem) *corev1.LimitRange {
	return &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "l"}, Spec: corev1.LimitRangeSpec{Limits: items}}
}

func TestLimitRangerDefaults(t *testing.T) {
	container := corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Default: list("cpu=2 memory=2Gi"), DefaultRequest: list("cpu=1")}
	for _, c := range []struct {
		name       string
		item       corev1.LimitRangeItem
		has, want  corev1.ResourceRequirements
		annotation string
	}{
		{"nothing", container, needs("", ""), needs("cpu=1", "cpu=2 memory=2Gi"), "LimitRanger plugin set: cpu request for container c; cpu, memory limit for container c"},
		{"a request", container, needs("cpu=3", ""), needs("cpu=3", "cpu=2 memory=2Gi"), "LimitRanger plugin set: cpu, memory limit for container c"},
		{"everything", container, needs("cpu=1", "cpu=1 memory=1Gi"), needs("cpu=1", "cpu=1 memory=1Gi"), ""},
		{"of pods, which have no defaults", corev1.LimitRangeItem{Type: corev1.LimitTypePod, Default: list("cpu=1")}, needs("", ""), needs("", ""), ""},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Resources: c.has}}}}
		setDefaults(pod, limitRange(c.item))
		if diff := cmp.Diff(c.want, pod.Spec.Containers[0].Resources); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if got := pod.Annotations[limitAnnotation]; got != c.annotation {
			t.Errorf("%s: annotation %q, want %q", c.name, got, c.annotation)
		}
	}
	pod := &corev1.Pod{Spec: corev1.PodSpec{InitContainers: []corev1.Container{{Name: "i"}}}}
	setDefaults(pod, limitRange(container))
	if got := pod.Annotations[limitAnnotation]; !strings.Contains(got, "cpu request for init container i") {
		t.Errorf("init container: annotation %q", got)
	}
}

func TestLimitRangerBounds(t *testing.T) {
	item := func(kind corev1.LimitType, min, max, ratio string) corev1.LimitRangeItem {
		return corev1.LimitRangeItem{Type: kind, Min: list(min), Max: list(max), MaxLimitRequestRatio: list(ratio)}
	}
	for _, c := range []struct {
		name string
		item corev1.LimitRangeItem
		has  []corev1.ResourceRequirements // of containers
		says string                        // "" is allowed
	}{
		{"within", item("Container", "cpu=1", "cpu=2", ""), []corev1.ResourceRequirements{needs("cpu=1", "cpu=2")}, ""},
		{"request too small", item("Container", "cpu=1", "", ""), []corev1.ResourceRequirements{needs("cpu=500m", "cpu=2")}, "minimum cpu usage per Container is 1, but request is 500m"},
		{"limit too small", item("Container", "cpu=1", "", ""), []corev1.ResourceRequirements{needs("cpu=1", "cpu=999m")}, "minimum cpu usage per Container is 1, but limit is 999m"},
		{"no request", item("Container", "cpu=1", "", ""), []corev1.ResourceRequirements{needs("", "")}, "minimum cpu usage per Container is 1.  No request is specified"},
		{"limit too large", item("Container", "", "memory=1Gi", ""), []corev1.ResourceRequirements{needs("", "memory=2Gi")}, "maximum memory usage per Container is 1Gi, but limit is 2Gi"},
		{"no limit", item("Container", "", "memory=1Gi", ""), []corev1.ResourceRequirements{needs("memory=1Gi", "")}, "maximum memory usage per Container is 1Gi.  No limit is specified"},
		{"the second container", item("Container", "", "cpu=1", ""), []corev1.ResourceRequirements{needs("", "cpu=1"), needs("", "cpu=2")}, "but limit is 2"},
		{"ratio", item("Container", "", "", "cpu=2"), []corev1.ResourceRequirements{needs("cpu=1", "cpu=2")}, ""},
		{"ratio too large", item("Container", "", "", "cpu=2"), []corev1.ResourceRequirements{needs("cpu=1", "cpu=3")}, "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"},
		{"ratio of nothing", item("Container", "", "", "cpu=2"), []corev1.ResourceRequirements{needs("", "cpu=3")}, "but no request is specified or request is 0"},
		{"pod within", item("Pod", "", "cpu=3", ""), []corev1.ResourceRequirements{needs("cpu=1", "cpu=1"), needs("cpu=1", "cpu=2")}, ""},
		{"pod too large", item("Pod", "", "cpu=3", ""), []corev1.ResourceRequirements{needs("cpu=1", "cpu=2"), needs("cpu=1", "cpu=2")}, "maximum cpu usage per Pod is 3, but limit is 4"},
		{"of claims", item("PersistentVolumeClaim", "", "storage=1Gi", ""), []corev1.ResourceRequirements{needs("", "")}, ""},
	} {
		pod := &corev1.Pod{}
		for _, r := range c.has {
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "c", Resources: r})
		}
		faults := podFaults(pod, limitRange(c.item))
		if (len(faults) == 0) != (c.says == "") || len(faults) > 0 && !strings.Contains(faults[0].Error(), c.says) {
			t.Errorf("%s: got %v, want ...%s", c.name, faults, c.says)
		}
	}
	for _, c := range []struct{ size, says string }{
		{"storage=1Gi", ""}, {"storage=2Gi", ""}, {"storage=3Gi", "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"},
		{"storage=1Mi", "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"}, {"", "No request is specified"},
	} {
		claim := &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{Resources: corev1.VolumeResourceRequirements{Requests: list(c.size)}}}
		faults := claimFaults(claim, limitRange(item("PersistentVolumeClaim", "storage=1Gi", "storage=2Gi", "")))
		if (len(faults) == 0) != (c.says == "") || len(faults) > 0 && !strings.Contains(faults[0].Error(), c.says) {
			t.Errorf("claim of %s: got %v, want ...%s", c.size, faults, c.says)
		}
	}
}

// TestLimitRanger finds limits that only storage knows yet, and leaves alone what is not created.
func TestLimitRanger(t *testing.T) {
	client := fake.NewClientset(limitRange(corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Default: list("cpu=2"), Max: list("cpu=3")}))
	p := build(t, limitRanger(), Inputs{Informers: informers.NewSharedInformerFactory(client, 0), Client: client})
	attributes := func(o runtime.Object, subresource string, op admission.Operation) admission.Attributes {
		return admission.NewAttributesRecord(o, o, corev1.SchemeGroupVersion.WithKind("Pod"), "ns", "p", corev1.SchemeGroupVersion.WithResource("pods"), subresource, op, nil, false, nil)
	}
	fresh := func(cpu string) *corev1.Pod {
		return &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Resources: needs("", cpu)}}}}
	}
	pod := fresh("")
	if err := p.Admit(t.Context(), attributes(pod, "", admission.Create)); err != nil || pod.Spec.Containers[0].Resources.Limits.Cpu().String() != "2" {
		t.Errorf("got %v, %v", pod.Spec.Containers[0].Resources, err)
	}
	pod = fresh("")
	if err := p.Admit(t.Context(), attributes(pod, "", admission.Update)); err != nil || pod.Spec.Containers[0].Resources.Limits != nil {
		t.Errorf("update: got %v, %v", pod.Spec.Containers[0].Resources, err)
	}
	for _, c := range []struct {
		subresource string
		op          admission.Operation
		ok          bool
	}{{"", admission.Create, false}, {"", admission.Update, true}, {"status", admission.Update, true}, {"resize", admission.Update, false}} {
		if err := p.Validate(t.Context(), attributes(fresh("cpu=4"), c.subresource, c.op)); (err == nil) != c.ok {
			t.Errorf("%s of %q: got %v", c.op, c.subresource, err)
		}
	}
}
