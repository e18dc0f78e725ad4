package integration

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/test/cluster"
)

// wronglog is where the log goes on its way to standard error; it keeps the lines that must not be there.
var wronglog wrongLog

type wrongLog struct {
	mu    sync.Mutex
	wrong []string // guarded by mu
}

func (w *wrongLog) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("SHOULD NOT HAPPEN")) {
		w.mu.Lock()
		w.wrong = append(w.wrong, string(line))
		w.mu.Unlock()
	}
	return os.Stderr.Write(line)
}

func (w *wrongLog) lines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.wrong)
}

// TestElementsWithoutKey writes lists whose elements leave out the only field that tells them apart. Validation says so, and
// field managers can read them (TestMain reads the log).
func TestElementsWithoutKey(t *testing.T) {
	api := cluster.StartAPI(t)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Secrets: []corev1.ObjectReference{{Kind: "Secret"}}}
	if _, err := api.Client.CoreV1().ServiceAccounts("default").Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Error(err)
	}
	schemas, levels := api.Client.FlowcontrolV1().FlowSchemas(), api.Client.FlowcontrolV1().PriorityLevelConfigurations()
	schema, err := schemas.Get(t.Context(), "global-default", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	schema.Status.Conditions = append(schema.Status.Conditions, flowcontrolv1.FlowSchemaCondition{Status: flowcontrolv1.ConditionTrue})
	_, err = schemas.UpdateStatus(t.Context(), schema, metav1.UpdateOptions{})
	requireType(t, "FlowSchema, update", err)
	level, err := levels.Get(t.Context(), "global-default", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	level.Status.Conditions = append(level.Status.Conditions, flowcontrolv1.PriorityLevelConfigurationCondition{Status: flowcontrolv1.ConditionTrue})
	_, err = levels.UpdateStatus(t.Context(), level, metav1.UpdateOptions{})
	requireType(t, "PriorityLevelConfiguration, update", err)
	_, err = levels.Patch(t.Context(), "global-default", types.ApplyYAMLPatchType, []byte(`{"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "PriorityLevelConfiguration",
		"metadata": {"name": "global-default"}, "status": {"conditions": [{"status": "True"}]}}`), metav1.PatchOptions{FieldManager: "test"}, "status")
	requireType(t, "PriorityLevelConfiguration, apply", err)
}

func requireType(t *testing.T, what string, err error) {
	t.Helper()
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "type: Required value") {
		t.Errorf("%s: got %v, want that the type is required", what, err)
	}
}

// TestFinalizersTwice writes an object with a finalizer that is named twice, in both versions of its kind.
func TestFinalizersTwice(t *testing.T) {
	client := cluster.StartAPI(t).Client
	v2, v1 := client.AutoscalingV2().HorizontalPodAutoscalers("default"), client.AutoscalingV1().HorizontalPodAutoscalers("default")
	_, err := v2.Create(t.Context(), &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "a", Finalizers: []string{"example.org/a", "example.org/b", "example.org/a"}},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "d"}, MaxReplicas: 3}},
		metav1.CreateOptions{FieldManager: "two"})
	if err != nil {
		t.Fatal(err)
	}
	old, err := v1.Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	old.Labels = map[string]string{"by": "one"}
	if _, err := v1.Update(t.Context(), old, metav1.UpdateOptions{FieldManager: "one"}); err != nil {
		t.Fatal(err)
	}
	got, err := v2.Patch(t.Context(), "a", types.MergePatchType, []byte(`{"metadata":{"labels":{"by":"two"}}}`), metav1.PatchOptions{FieldManager: "two"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.ManagedFields) == 0 || !slices.Equal(got.Finalizers, []string{"example.org/a", "example.org/b"}) {
		t.Errorf("got finalizers %q, managed by %v", got.Finalizers, got.ManagedFields)
	}
	got, err = v2.Patch(t.Context(), "a", types.MergePatchType, []byte(`{"metadata":{"finalizers":["example.org/a","example.org/a"]}}`), metav1.PatchOptions{FieldManager: "two"})
	if err != nil || len(got.ManagedFields) == 0 {
		t.Errorf("named twice again: managed by %v, %v", got.ManagedFields, err)
	}
}
