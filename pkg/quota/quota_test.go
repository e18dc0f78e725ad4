package quota

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/client-go/tools/cache"
	clocktesting "k8s.io/utils/clock/testing"
)

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// list makes a resource list of "cpu=1 memory=1Gi".
func list(text string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for _, field := range strings.Fields(text) {
		name, value, _ := strings.Cut(field, "=")
		out[corev1.ResourceName(name)] = resource.MustParse(value)
	}
	return out
}

// evaluatorOf returns the evaluator of a resource.
func evaluatorOf(t *testing.T, plural string, all quota.ListerForResourceFunc) quota.Evaluator {
	t.Helper()
	for _, e := range Evaluators(all, clocktesting.NewFakePassiveClock(now)) {
		if e.GroupResource().Resource == plural {
			return e
		}
	}
	t.Fatalf("there is no evaluator of %s", plural)
	return nil
}

func pod(requests, limits string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c",
		Resources: corev1.ResourceRequirements{Requests: list(requests), Limits: list(limits)}}}}}
	for _, f := range change {
		f(p)
	}
	return p
}

func phase(phase corev1.PodPhase) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Phase = phase }
}

func deleted(ago time.Duration) func(*corev1.Pod) {
	grace := int64(30)
	return func(p *corev1.Pod) {
		p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &metav1.Time{Time: now.Add(-ago)}, &grace
	}
}

func claim(class, size string, allocated string) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{}
	if class != "" {
		c.Spec.StorageClassName = &class
	}
	if size != "" {
		c.Spec.Resources.Requests = list("storage=" + size)
	}
	if allocated != "" {
		c.Status.AllocatedResources = list("storage=" + allocated)
	}
	return c
}

func devices(requests ...resourcev1.DeviceRequest) *resourcev1.ResourceClaim {
	return &resourcev1.ResourceClaim{Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: requests}}}
}

func exactly(class string, count int64) resourcev1.DeviceRequest {
	return resourcev1.DeviceRequest{Exactly: &resourcev1.ExactDeviceRequest{
		DeviceClassName: class, AllocationMode: resourcev1.DeviceAllocationModeExactCount, Count: count,
	}}
}

func TestUsage(t *testing.T) {
	never := false
	service := func(kind corev1.ServiceType, allocate *bool, ports ...int32) *corev1.Service {
		s := &corev1.Service{Spec: corev1.ServiceSpec{Type: kind, AllocateLoadBalancerNodePorts: allocate}}
		for _, p := range ports {
			s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{NodePort: p})
		}
		return s
	}
	for _, c := range []struct {
		name, plural string
		object       runtime.Object
		want         string
	}{
		{"pod", "pods", pod("cpu=1 memory=1Gi", "cpu=2 ephemeral-storage=1Gi"),
			"count/pods=1 pods=1 cpu=1 requests.cpu=1 memory=1Gi requests.memory=1Gi limits.cpu=2 limits.ephemeral-storage=1Gi"},
		{"pod with init container and overhead", "pods", pod("cpu=1", "", func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: list("cpu=3")}}}
			p.Spec.Overhead = list("cpu=1")
		}), "count/pods=1 pods=1 cpu=4 requests.cpu=4"},
		{"pod with extended resources", "pods", pod("example.org/gpu=2 hugepages-2Mi=4Mi", "example.org/gpu=2 hugepages-2Mi=4Mi"),
			"count/pods=1 pods=1 requests.example.org/gpu=2 hugepages-2Mi=4Mi requests.hugepages-2Mi=4Mi"},
		{"pod that has ended", "pods", pod("cpu=1", "", phase(corev1.PodFailed)), "count/pods=1"},
		{"pod that is ending", "pods", pod("cpu=1", "", deleted(30*time.Second)), "count/pods=1 pods=1 cpu=1 requests.cpu=1"},
		{"pod that does not end", "pods", pod("cpu=1", "", deleted(31*time.Second)), "count/pods=1"},
		{"service", "services", service(corev1.ServiceTypeClusterIP, nil, 0), "count/services=1 services=1 services.nodeports=0 services.loadbalancers=0"},
		{"service with node ports", "services", service(corev1.ServiceTypeNodePort, nil, 0, 0), "count/services=1 services=1 services.nodeports=2 services.loadbalancers=0"},
		{"load balancer", "services", service(corev1.ServiceTypeLoadBalancer, nil, 0, 0), "count/services=1 services=1 services.nodeports=2 services.loadbalancers=1"},
		{"load balancer without node ports", "services", service(corev1.ServiceTypeLoadBalancer, &never, 0, 30000), "count/services=1 services=1 services.nodeports=1 services.loadbalancers=1"},
		{"claim", "persistentvolumeclaims", claim("gold", "1Gi", ""), "count/persistentvolumeclaims=1 persistentvolumeclaims=1 requests.storage=1Gi " +
			"gold.storageclass.storage.k8s.io/requests.storage=1Gi gold.storageclass.storage.k8s.io/persistentvolumeclaims=1"},
		{"claim without class", "persistentvolumeclaims", claim("", "1Gi", ""), "count/persistentvolumeclaims=1 persistentvolumeclaims=1 requests.storage=1Gi"},
		{"claim that shrinks", "persistentvolumeclaims", claim("", "1Gi", "2Gi"), "count/persistentvolumeclaims=1 persistentvolumeclaims=1 requests.storage=2Gi"},
		{"claim of devices", "resourceclaims", devices(exactly("gpu", 2), exactly("gpu", 1), exactly("nic", 1)), "count/resourceclaims.resource.k8s.io=1 " +
			"gpu.deviceclass.resource.k8s.io/devices=3 requests.deviceclass.resource.kubernetes.io/gpu=3 " +
			"nic.deviceclass.resource.k8s.io/devices=1 requests.deviceclass.resource.kubernetes.io/nic=1"},
		{"claim of all devices", "resourceclaims", devices(resourcev1.DeviceRequest{Exactly: &resourcev1.ExactDeviceRequest{
			DeviceClassName: "gpu", AllocationMode: resourcev1.DeviceAllocationModeAll,
		}}), "count/resourceclaims.resource.k8s.io=1 gpu.deviceclass.resource.k8s.io/devices=32 requests.deviceclass.resource.kubernetes.io/gpu=32"},
		{"claim of alternatives", "resourceclaims", devices(resourcev1.DeviceRequest{FirstAvailable: []resourcev1.DeviceSubRequest{
			{DeviceClassName: "gpu", Count: 2}, {DeviceClassName: "small", Count: 4}, {DeviceClassName: "small", Count: 3},
		}}), "count/resourceclaims.resource.k8s.io=1 gpu.deviceclass.resource.k8s.io/devices=2 requests.deviceclass.resource.kubernetes.io/gpu=2 " +
			"small.deviceclass.resource.k8s.io/devices=4 requests.deviceclass.resource.kubernetes.io/small=4"},
		{"config map", "configmaps", &corev1.ConfigMap{}, "count/configmaps=1 configmaps=1"},
		{"secret", "secrets", &corev1.Secret{}, "count/secrets=1 secrets=1"},
	} {
		e := evaluatorOf(t, c.plural, nil)
		got, err := e.Usage(c.object)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if want := list(c.want); !quota.Equals(got, want) {
			t.Errorf("%s (-want +got):\n%s", c.name, cmp.Diff(texts(want), texts(got)))
		}
		// A quota of all that is used is one that concerns the object.
		q := &corev1.ResourceQuota{Status: corev1.ResourceQuotaStatus{Hard: got}}
		if in, err := e.Matches(q, c.object); !in || err != nil || len(e.MatchingResources(quota.ResourceNames(got))) != len(got) {
			t.Errorf("%s: matches %v, %v; of %v the evaluator knows %v", c.name, in, err, texts(got), e.MatchingResources(quota.ResourceNames(got)))
		}
	}
}

func texts(l corev1.ResourceList) map[corev1.ResourceName]string {
	out := map[corev1.ResourceName]string{}
	for name, q := range l {
		out[name] = q.String()
	}
	return out
}

func TestConstraints(t *testing.T) {
	whole := func(p *corev1.Pod) { p.Spec.Resources = &corev1.ResourceRequirements{Requests: list("cpu=1")} }
	second := func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "d"}) }
	for _, c := range []struct {
		name     string
		required string
		pod      *corev1.Pod
		says     string
	}{
		{"all said", "requests.cpu limits.memory pods", pod("cpu=1", "memory=1Gi"), ""},
		{"nothing of it limited", "pods count/pods requests.example.org/gpu", pod("", ""), ""},
		{"silent", "cpu limits.memory", pod("", ""), "must specify cpu for: c; limits.memory for: c"},
		{"one of two", "requests.cpu", pod("cpu=1", "", second), "must specify requests.cpu for: d"},
		{"two", "requests.cpu", pod("", "", second), "must specify requests.cpu for: c,d"},
		{"said of the whole pod", "requests.cpu cpu", pod("", "", whole), ""},
	} {
		var required []corev1.ResourceName
		for _, name := range strings.Fields(c.required) {
			required = append(required, corev1.ResourceName(name))
		}
		err := evaluatorOf(t, "pods", nil).Constraints(required, c.pod)
		if (err == nil) != (c.says == "") || err != nil && err.Error() != c.says {
			t.Errorf("%s: got %v, want %q", c.name, err, c.says)
		}
	}
}

func TestScopes(t *testing.T) {
	seconds := int64(5)
	deadline := func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = &seconds }
	class := func(name string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Spec.PriorityClassName = name }
	}
	affine := func(p *corev1.Pod) {
		p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{
			{PodAffinityTerm: corev1.PodAffinityTerm{Namespaces: []string{"other"}}}}}}
	}
	is := func(name corev1.ResourceQuotaScope, operator corev1.ScopeSelectorOperator, values ...string) corev1.ScopedResourceSelectorRequirement {
		return corev1.ScopedResourceSelectorRequirement{ScopeName: name, Operator: operator, Values: values}
	}
	exists := func(name corev1.ResourceQuotaScope) corev1.ScopedResourceSelectorRequirement {
		return is(name, corev1.ScopeSelectorOpExists)
	}
	gold := "gold"
	golden := claim("", "", "")
	golden.Spec.VolumeAttributesClassName = &gold
	for _, c := range []struct {
		name, plural string
		object       runtime.Object
		scope        corev1.ScopedResourceSelectorRequirement
		want         bool
	}{
		{"terminating", "pods", pod("", "", deadline), exists(corev1.ResourceQuotaScopeTerminating), true},
		{"not terminating", "pods", pod("", ""), exists(corev1.ResourceQuotaScopeTerminating), false},
		{"not terminating", "pods", pod("", ""), exists(corev1.ResourceQuotaScopeNotTerminating), true},
		{"best effort", "pods", pod("", ""), exists(corev1.ResourceQuotaScopeBestEffort), true},
		{"burstable", "pods", pod("cpu=1", ""), exists(corev1.ResourceQuotaScopeBestEffort), false},
		{"burstable", "pods", pod("cpu=1", ""), exists(corev1.ResourceQuotaScopeNotBestEffort), true},
		{"high", "pods", pod("", "", class("high")), is(corev1.ResourceQuotaScopePriorityClass, corev1.ScopeSelectorOpIn, "high", "higher"), true},
		{"low", "pods", pod("", "", class("low")), is(corev1.ResourceQuotaScopePriorityClass, corev1.ScopeSelectorOpIn, "high"), false},
		{"low", "pods", pod("", "", class("low")), is(corev1.ResourceQuotaScopePriorityClass, corev1.ScopeSelectorOpNotIn, "high"), true},
		{"any class", "pods", pod("", "", class("low")), exists(corev1.ResourceQuotaScopePriorityClass), true},
		{"no class", "pods", pod("", ""), exists(corev1.ResourceQuotaScopePriorityClass), false},
		{"no class", "pods", pod("", ""), is(corev1.ResourceQuotaScopePriorityClass, corev1.ScopeSelectorOpDoesNotExist), true},
		{"affinity across namespaces", "pods", pod("", "", affine), exists(corev1.ResourceQuotaScopeCrossNamespacePodAffinity), true},
		{"no affinity", "pods", pod("", ""), exists(corev1.ResourceQuotaScopeCrossNamespacePodAffinity), false},
		{"gold", "persistentvolumeclaims", golden, is(corev1.ResourceQuotaScopeVolumeAttributesClass, corev1.ScopeSelectorOpIn, "gold"), true},
		{"a claim is in no scope of pods", "persistentvolumeclaims", golden, exists(corev1.ResourceQuotaScopeBestEffort), false},
	} {
		got, err := evaluatorOf(t, c.plural, nil).MatchingScopes(c.object, []corev1.ScopedResourceSelectorRequirement{c.scope})
		if err != nil || (len(got) == 1) != c.want {
			t.Errorf("%s in %s %s %v: got %v, %v", c.name, c.scope.ScopeName, c.scope.Operator, c.scope.Values, got, err)
		}
	}
	limited := []corev1.ScopedResourceSelectorRequirement{exists(corev1.ResourceQuotaScopePriorityClass), exists(corev1.ResourceQuotaScopeBestEffort)}
	got, err := evaluatorOf(t, "pods", nil).UncoveredQuotaScopes(limited, limited[:1])
	if diff := cmp.Diff(limited[1:], got); diff != "" || err != nil {
		t.Errorf("uncovered: %v\n%s", err, diff)
	}
}

func TestHandles(t *testing.T) {
	for _, c := range []struct {
		plural, subresource string
		op                  admission.Operation
		want                bool
	}{
		{"pods", "", admission.Create, true}, {"pods", "", admission.Update, false}, {"pods", "resize", admission.Update, true},
		{"pods", "binding", admission.Create, false}, {"services", "", admission.Update, true}, {"services", "status", admission.Update, false},
		{"persistentvolumeclaims", "", admission.Update, true}, {"configmaps", "", admission.Update, false}, {"configmaps", "", admission.Create, true},
		{"resourceclaims", "", admission.Create, true}, {"resourceclaims", "status", admission.Update, false},
	} {
		a := admission.NewAttributesRecord(nil, nil, schema.GroupVersionKind{}, "ns", "x", corev1.SchemeGroupVersion.WithResource(c.plural), c.subresource, c.op, nil, false, nil)
		if got := evaluatorOf(t, c.plural, nil).Handles(a); got != c.want {
			t.Errorf("%s of %s %q: got %v", c.op, c.plural, c.subresource, got)
		}
	}
}

// TestUsageStats adds up a namespace, as the quota controller does.
func TestUsageStats(t *testing.T) {
	store := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	named := func(name string) func(*corev1.Pod) { return func(p *corev1.Pod) { p.Name = name } }
	for _, p := range []*corev1.Pod{
		pod("cpu=1", "", named("a")), pod("cpu=2", "", named("b")), pod("", "", named("c")), pod("cpu=4", "", named("d"), phase(corev1.PodSucceeded)),
		pod("cpu=8", "", named("e"), func(p *corev1.Pod) { p.Namespace = "other" }),
	} {
		if err := store.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	e := evaluatorOf(t, "pods", func(r schema.GroupVersionResource) (cache.GenericLister, error) {
		return cache.NewGenericLister(store, r.GroupResource()), nil
	})
	for _, c := range []struct {
		scopes []corev1.ResourceQuotaScope
		want   string
	}{
		{nil, "count/pods=4 pods=3 cpu=3 requests.cpu=3"},
		{[]corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeBestEffort}, "count/pods=1 pods=1 cpu=0"},
	} {
		got, err := e.UsageStats(quota.UsageStatsOptions{Namespace: "ns", Scopes: c.scopes, Resources: []corev1.ResourceName{"cpu"}})
		if want := list(c.want); err != nil || !quota.Equals(got.Used, want) {
			t.Errorf("in scopes %v: %v (-want +got):\n%s", c.scopes, err, cmp.Diff(texts(want), texts(got.Used)))
		}
	}
}
