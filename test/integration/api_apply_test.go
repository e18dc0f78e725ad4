package integration

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

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
