package resourcequota

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

// parse reads "name=quantity ...".
func parse(text string) v1.ResourceList {
	list := v1.ResourceList{}
	for word := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(word, "=")
		list[v1.ResourceName(name)] = resource.MustParse(value)
	}
	return list
}

func format(list v1.ResourceList) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(list)) {
		value := list[name]
		words = append(words, fmt.Sprintf("%s=%s", name, value.String()))
	}
	return strings.Join(words, " ")
}

func newQuota(hard string) *v1.ResourceQuota {
	return &v1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "q"}, Spec: v1.ResourceQuotaSpec{Hard: parse(hard)}}
}

func newPod(name, cpu string) *v1.Pod {
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: v1.PodSpec{Containers: []v1.Container{{
		Name: "c", Resources: v1.ResourceRequirements{Requests: parse("cpu=" + cpu)},
	}}}}
}

func usedIn(t *testing.T, s *controltest.Server, namespace string) string {
	return format(controltest.List[v1.ResourceQuota](t, s, "", "resourcequotas", namespace)[0].Status.Used)
}

func TestController(t *testing.T) {
	s := controltest.NewServer(t, newQuota("pods=5 requests.cpu=2 configmaps=3 count/things.x.io=4"), newPod("a", "500m"), newPod("b", "250m"),
		&v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "c"}}, &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "other", Name: "c"}})
	s.AddKind(controltest.Kind{GroupVersionResource: schema.GroupVersionResource{Group: "x.io", Version: "v1", Resource: "things"}, Kind: "Thing", Namespaced: true})
	thing := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "x.io/v1", "kind": "Thing", "metadata": map[string]any{"namespace": "default", "name": "one"},
	}}
	s.Put(thing)
	controltest.Run(t, s, New)
	used := func() string { return usedIn(t, s, "default") }
	shows := func(want string) func() bool { return func() bool { return used() == want } }
	s.Wait(t, "all is counted", shows("configmaps=1 count/things.x.io=1 pods=2 requests.cpu=750m"))
	controltest.Change(t, s, newPod("a", "500m"), func(pod *v1.Pod) { pod.Status.Phase = v1.PodSucceeded })
	s.Wait(t, "an ended pod costs nothing", shows("configmaps=1 count/things.x.io=1 pods=1 requests.cpu=250m"))
	second := thing.DeepCopy()
	second.SetName("two")
	s.Put(second)
	// Admission counts a map that is about to be stored. Nobody may take that away; a quota that comes later is reckoned later.
	controltest.Change(t, s, newQuota(""), func(one *v1.ResourceQuota) { one.Status.Used["configmaps"] = resource.MustParse("2") })
	controltest.Change(t, s, newPod("b", "250m"), func(pod *v1.Pod) { pod.Spec.NodeName = "n" })
	later := newQuota("configmaps=1")
	later.Namespace = "other"
	s.Put(later)
	s.Wait(t, "the later quota is reckoned", func() bool {
		return usedIn(t, s, "other") == "configmaps=1"
	})
	if got := used(); got != "configmaps=2 count/things.x.io=1 pods=1 requests.cpu=250m" {
		t.Errorf("what admission counted became %s", got)
	}
	things := dynamic.NewForConfigOrDie(s.Config()).Resource(schema.GroupVersionResource{Group: "x.io", Version: "v1", Resource: "things"})
	if err := things.Namespace("default").Delete(t.Context(), "one", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	// All is counted anew, and nobody has stored the second map.
	s.Wait(t, "the deleted thing is not counted, the second is", shows("configmaps=1 count/things.x.io=1 pods=1 requests.cpu=250m"))
	if err := s.Client().CoreV1().ConfigMaps("default").Delete(t.Context(), "c", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Wait(t, "the deleted map is not counted", shows("configmaps=0 count/things.x.io=1 pods=1 requests.cpu=250m"))
}

func TestStatusOf(t *testing.T) {
	one := newQuota("pods=5 cpu=2")
	one.Status.Used = parse("pods=1 cpu=1 memory=1Gi")
	status := statusOf(one, parse("pods=3"))
	if diff := cmp.Diff("cpu=1 pods=3", format(status.Used)); diff != "" {
		t.Errorf("used (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("cpu=2 pods=5", format(status.Hard)); diff != "" {
		t.Errorf("hard (-want +got):\n%s", diff)
	}
}
