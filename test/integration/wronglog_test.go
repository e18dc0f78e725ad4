package integration

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

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
