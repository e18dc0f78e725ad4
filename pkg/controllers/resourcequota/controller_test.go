package resourcequota

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/client-go/dynamic"

	"github.com/proa-sh/proa/pkg/controllers/control"
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
	s.AddKind(kind("v1", "things", "Thing"))
	s.Put(thing("one"))
	controltest.Run(t, s, New)
	used := func() string { return usedIn(t, s, "default") }
	shows := func(want string) func() bool { return func() bool { return used() == want } }
	s.Wait(t, "all is counted", shows("configmaps=1 count/things.x.io=1 pods=2 requests.cpu=750m"))
	controltest.Change(t, s, newPod("a", "500m"), func(pod *v1.Pod) { pod.Status.Phase = v1.PodSucceeded })
	s.Wait(t, "an ended pod costs nothing", shows("configmaps=1 count/things.x.io=1 pods=1 requests.cpu=250m"))
	s.Put(thing("two"))
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

// thing is an object of a kind that is not served from the start.
func thing(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "x.io/v1", "kind": "Thing", "metadata": map[string]any{"namespace": "default", "name": name},
	}}
}

func kind(version, plural, name string) controltest.Kind {
	return controltest.Kind{GroupVersionResource: schema.GroupVersionResource{Group: "x.io", Version: version, Resource: plural}, Kind: name, Namespaced: true}
}

// often is New with a short pause before it is looked for a kind again.
func often(d control.Dependencies) (control.Controller, error) { return build(d, 20*time.Millisecond) }

// A kind that is installed after kinds have been discovered is counted, and so is one of which no server knew when the
// quota was made. One whose server goes and comes back is counted again.
func TestKindInstalledLater(t *testing.T) {
	s := controltest.NewServer(t, newQuota("count/deployments.apps=5"))
	var registry quota.Registry
	controltest.Run(t, s, func(d control.Dependencies) (control.Controller, error) {
		c, err := often(d)
		registry = c.(*Controller).registry
		return c, err
	})
	shows := func(want string) func() bool { return func() bool { return usedIn(t, s, "default") == want } }
	s.Wait(t, "kinds have been discovered", shows("count/deployments.apps=0"))
	s.Put(newQuota("count/deployments.apps=5 count/things.x.io=4"))
	s.AddKind(kind("v1", "things", "Thing"))
	s.Put(thing("one"))
	s.Wait(t, "the thing is counted", shows("count/deployments.apps=0 count/things.x.io=1"))
	s.RemoveKind("x.io", "things")
	s.Wait(t, "the thing is not counted", func() bool { return registry.Get(schema.GroupResource{Group: "x.io", Resource: "things"}) == nil })
	s.Put(newQuota("configmaps=1 count/things.x.io=4"))
	s.Wait(t, "others are counted without it", shows("configmaps=0"))
	s.AddKind(kind("v1", "things", "Thing"))
	s.Put(thing("two"))
	s.Wait(t, "the things are counted again", shows("configmaps=0 count/things.x.io=2"))
}

// Kinds that cannot be listed keep no worker: there are two, and three such kinds.
func TestKindsThatCannotBeListed(t *testing.T) {
	s := controltest.NewServer(t)
	for _, broken := range []string{"a", "b", "c"} {
		s.AddKind(kind("v1", broken+"s", strings.ToUpper(broken)))
		one := newQuota("configmaps=3 count/" + broken + "s.x.io=1")
		one.Namespace = broken
		s.Put(one)
	}
	s.Fail(func(r controltest.Request) error {
		if slices.Contains([]string{"as", "bs", "cs"}, r.Resource) {
			return apierrors.NewInternalError(errors.New("conversion webhook is down"))
		}
		return nil
	})
	controltest.Run(t, s, often)
	for _, namespace := range []string{"a", "b", "c"} {
		s.Wait(t, "config maps are counted", func() bool { return usedIn(t, s, namespace) == "configmaps=0" })
	}
	s.Fail(nil)
	s.Wait(t, "the kind is counted", func() bool { return usedIn(t, s, "b") == "configmaps=0 count/bs.x.io=0" })
}

// Claims are counted by their devices, and what has gone is taken away.
func TestResourceClaims(t *testing.T) {
	s := controltest.NewServer(t, newQuota("count/resourceclaims.resource.k8s.io=3 gpu.deviceclass.resource.k8s.io/devices=8"))
	s.AddKind(controltest.Kind{GroupVersionResource: resourcev1.SchemeGroupVersion.WithResource("resourceclaims"), Kind: "ResourceClaim", Namespaced: true})
	claim := func(name string, count int64) *resourcev1.ResourceClaim {
		return &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{
			Requests: []resourcev1.DeviceRequest{{Name: "r", Exactly: &resourcev1.ExactDeviceRequest{
				DeviceClassName: "gpu", AllocationMode: resourcev1.DeviceAllocationModeExactCount, Count: count,
			}}}}}}
	}
	s.Put(claim("two", 2))
	s.Put(claim("three", 3))
	controltest.Run(t, s, New)
	shows := func(want string) func() bool { return func() bool { return usedIn(t, s, "default") == want } }
	s.Wait(t, "both are counted", shows("count/resourceclaims.resource.k8s.io=2 gpu.deviceclass.resource.k8s.io/devices=5"))
	if err := s.Client().ResourceV1().ResourceClaims("default").Delete(t.Context(), "two", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Wait(t, "one is counted", shows("count/resourceclaims.resource.k8s.io=1 gpu.deviceclass.resource.k8s.io/devices=3"))
}

// A claim is counted by the classes of volume attributes that it has or is about to have.
func TestVolumeAttributesClass(t *testing.T) {
	gold, silver := "gold", "silver"
	one := newQuota("persistentvolumeclaims=3")
	one.Spec.ScopeSelector = &v1.ScopeSelector{MatchExpressions: []v1.ScopedResourceSelectorRequirement{{
		ScopeName: v1.ResourceQuotaScopeVolumeAttributesClass, Operator: v1.ScopeSelectorOpIn, Values: []string{gold},
	}}}
	claim := &v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "c"}, Spec: v1.PersistentVolumeClaimSpec{VolumeAttributesClassName: &silver}}
	s := controltest.NewServer(t, one, claim)
	controltest.Run(t, s, New)
	change := func(what, want string, f func(*v1.PersistentVolumeClaim)) {
		t.Helper()
		controltest.Change(t, s, claim, f)
		s.Wait(t, what, func() bool { return usedIn(t, s, "default") == "persistentvolumeclaims="+want })
	}
	s.Wait(t, "another class is not counted", func() bool { return usedIn(t, s, "default") == "persistentvolumeclaims=0" })
	change("the wanted class is counted", "1", func(c *v1.PersistentVolumeClaim) { c.Spec.VolumeAttributesClassName = &gold })
	change("it is not wanted any more", "0", func(c *v1.PersistentVolumeClaim) { c.Spec.VolumeAttributesClassName = &silver })
	change("it is the current one", "1", func(c *v1.PersistentVolumeClaim) { c.Status.CurrentVolumeAttributesClassName = &gold })
	change("it is the current one no longer", "0", func(c *v1.PersistentVolumeClaim) { c.Status.CurrentVolumeAttributesClassName = &silver })
	change("it is the target", "1", func(c *v1.PersistentVolumeClaim) {
		c.Status.ModifyVolumeStatus = &v1.ModifyVolumeStatus{TargetVolumeAttributesClassName: gold, Status: v1.PersistentVolumeClaimModifyVolumeInProgress}
	})
}
