package integration

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/proa-sh/proa/test/cluster"
)

// TestApply lets two people and a controller apply to one deployment.
func TestApply(t *testing.T) {
	api := cluster.StartAPI(t)
	deployments := api.Client.AppsV1().Deployments("default")
	apply := func(manager string, force bool, spec string) (*appsv1.Deployment, error) {
		body := fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":%s}`, spec)
		return deployments.Patch(t.Context(), "d", types.ApplyPatchType, []byte(body), metav1.PatchOptions{FieldManager: manager, Force: &force})
	}
	const template = `"selector":{"matchLabels":{"app":"d"}},"template":{"metadata":{"labels":{"app":"d"}},"spec":{"containers":[{"name":"c","image":"one"}]}}`
	d, err := apply("alice", false, `{"replicas":2,`+template+`}`)
	if err != nil || *d.Spec.Replicas != 2 || d.Generation != 1 {
		t.Fatalf("create by apply: %v, %v", d, err)
	}
	_, err = apply("bob", false, `{"replicas":3}`)
	if !apierrors.IsConflict(err) {
		t.Fatalf("another's field: got %v", err)
	}
	causes := err.(apierrors.APIStatus).Status().Details.Causes
	if len(causes) != 1 || causes[0].Field != ".spec.replicas" || causes[0].Message != `conflict with "alice"` {
		t.Errorf("another's field: got %v", causes)
	}
	if d, err = apply("bob", false, `{"template":{"spec":{"containers":[{"name":"side","image":"two"}]}}}`); err != nil || len(d.Spec.Template.Spec.Containers) != 2 {
		t.Errorf("a container of one's own: %v, %v", d, err)
	}
	if d, err = apply("bob", true, `{"replicas":3}`); err != nil || *d.Spec.Replicas != 3 || len(d.Spec.Template.Spec.Containers) != 1 {
		t.Errorf("by force, and without the container: %v, %v", d, err)
	}
	// Who leaves out what is not theirs any more takes nothing away.
	if d, err = apply("alice", false, `{`+template+`}`); err != nil || *d.Spec.Replicas != 3 {
		t.Errorf("without replicas: %v, %v", d, err)
	}
	// A scaler takes over by the subresource.
	scale, err := deployments.GetScale(t.Context(), "d", metav1.GetOptions{})
	if err != nil || scale.Spec.Replicas != 3 || scale.Status.Selector != "app=d" {
		t.Fatalf("scale: %v, %v", scale, err)
	}
	scale.Spec.Replicas = 5
	if _, err := deployments.UpdateScale(t.Context(), "d", scale, metav1.UpdateOptions{FieldManager: "scaler"}); err != nil {
		t.Fatal(err)
	}
	if _, err := apply("bob", false, `{"replicas":3}`); !apierrors.IsConflict(err) {
		t.Errorf("the scaler's field: got %v", err)
	}
	status := `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":9},"status":{"observedGeneration":1}}`
	d, err = deployments.Patch(t.Context(), "d", types.ApplyPatchType, []byte(status), metav1.PatchOptions{FieldManager: "controller"}, "status")
	if err != nil || d.Status.ObservedGeneration != 1 || *d.Spec.Replicas != 5 {
		t.Fatalf("status: %v, %v", d, err)
	}
	var managers []string
	for _, m := range d.ManagedFields {
		managers = append(managers, m.Manager+" "+string(m.Operation)+" "+m.Subresource)
		if m.Manager == "controller" && string(m.FieldsV1.Raw) != `{"f:status":{"f:observedGeneration":{}}}` {
			t.Errorf("the controller owns %s", m.FieldsV1.Raw)
		}
	}
	slices.Sort(managers)
	if want := []string{"alice Apply ", "controller Apply status", "scaler Update scale"}; !slices.Equal(managers, want) {
		t.Errorf("managers %q, want %q", managers, want)
	}
	if _, err := deployments.Patch(t.Context(), "d", types.ApplyPatchType, []byte(`{}`), metav1.PatchOptions{}); !apierrors.IsBadRequest(err) && !apierrors.IsInvalid(err) {
		t.Errorf("without manager: got %v", err)
	}
}

// TestUnchangedApply applies objects again and again, spelled as people spell them: nothing is written after the first time,
// also a second later, when the time of the apply is another one.
func TestUnchangedApply(t *testing.T) {
	api := cluster.StartAPI(t)
	client, err := dynamic.NewForConfig(api.Config)
	if err != nil {
		t.Fatal(err)
	}
	const pod = `containers: [{name: c, image: i, command: [sleep], resources: {requests: {cpu: 1000m, memory: 1024Mi}, limits: {cpu: 2000m}}, env: [{name: A, value: b}], ports: [{containerPort: 80}]}]`
	for _, c := range []struct{ group, version, resource, manifest string }{
		{"apps", "v1", "deployments", "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {" + pod + ", tolerations: [{key: x, operator: Exists}]}}}"},
		{"apps", "v1", "statefulsets", "spec: {serviceName: s, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {" + pod + "}}, volumeClaimTemplates: [{metadata: {name: v}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}}]}"},
		{"apps", "v1", "daemonsets", "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {" + pod + "}}}"},
		{"batch", "v1", "cronjobs", "spec: {schedule: '* * * * *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, " + pod + "}}}}}"},
		{"", "v1", "serviceaccounts", "imagePullSecrets: [{name: s}]"},
		{"", "v1", "pods", "spec: {serviceAccountName: unchanged, " + pod + "}"},
		{"", "v1", "services", "spec: {selector: {a: b}, type: NodePort, ports: [{port: 80}]}"},
		{"", "v1", "configmaps", "data: {a: b}"},
		{"", "v1", "secrets", "stringData: {a: b}"},
		{"", "v1", "limitranges", "spec: {limits: [{type: Container, max: {cpu: 1000m}}]}"},
		{"", "v1", "resourcequotas", "spec: {hard: {cpu: 1000m, pods: '10'}}"},
		{"", "v1", "persistentvolumeclaims", "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}"},
		{"networking.k8s.io", "v1", "networkpolicies", "spec: {podSelector: {}, ingress: [{ports: [{port: 80}], from: [{podSelector: {}}]}], egress: [{}]}"},
		{"networking.k8s.io", "v1", "ingresses", "spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}]}}]}"},
		{"rbac.authorization.k8s.io", "v1", "roles", "rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]"},
		{"rbac.authorization.k8s.io", "v1", "rolebindings", "roleRef: {kind: Role, name: x, apiGroup: rbac.authorization.k8s.io}\nsubjects: [{kind: ServiceAccount, name: default}]"},
		{"autoscaling", "v2", "horizontalpodautoscalers", "spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 1000m}}}]}"},
		{"policy", "v1", "poddisruptionbudgets", "spec: {minAvailable: 1, selector: {matchLabels: {a: b}}}"},
	} {
		resource := schema.GroupVersionResource{Group: c.group, Version: c.version, Resource: c.resource}
		obj := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(c.manifest), &obj.Object); err != nil {
			t.Fatal(err)
		}
		obj.SetAPIVersion(resource.GroupVersion().String())
		obj.SetKind(kindOf(t, api, resource))
		obj.SetName("unchanged")
		apply := func() *unstructured.Unstructured {
			t.Helper()
			out, err := client.Resource(resource).Namespace("default").Apply(t.Context(), "unchanged", obj, metav1.ApplyOptions{FieldManager: "test"})
			if err != nil {
				t.Fatalf("apply %s: %v", c.resource, err)
			}
			return out
		}
		first := apply()
		at := first.GetManagedFields()[0].Time
		for time.Now().Truncate(time.Second).Equal(at.Time) { // managers are noted with the second
			apply()
		}
		for i := range 2 {
			if got := apply(); got.GetResourceVersion() != first.GetResourceVersion() {
				t.Errorf("%s, applied again (%d), is written (-before +after):\n%s", c.resource, i, cmp.Diff(first.Object, got.Object))
			}
		}
	}
}

func kindOf(t *testing.T, api *cluster.API, r schema.GroupVersionResource) string {
	t.Helper()
	list, err := api.Client.Discovery().ServerResourcesForGroupVersion(r.GroupVersion().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range list.APIResources {
		if known.Name == r.Resource {
			return known.Kind
		}
	}
	t.Fatalf("%s is not served", r)
	return ""
}
