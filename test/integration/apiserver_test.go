package integration

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/test/cluster"
)

func TestServer(t *testing.T) {
	api := cluster.StartAPI(t)
	ctx := t.Context()
	maps := api.Client.CoreV1().ConfigMaps("default")
	if _, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Data: map[string]string{"k": "v"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for kind, patch := range map[types.PatchType]string{
		types.JSONPatchType:           `[{"op":"add","path":"/data/json","value":"1"}]`,
		types.MergePatchType:          `{"data":{"merge":"1"}}`,
		types.StrategicMergePatchType: `{"data":{"strategic":"1"}}`,
		types.ApplyYAMLPatchType:      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {apply: \"1\"}",
	} {
		options := metav1.PatchOptions{}
		if kind == types.ApplyYAMLPatchType {
			options.FieldManager = "test"
		}
		if _, err := maps.Patch(ctx, "a", kind, []byte(patch), options); err != nil {
			t.Errorf("patch %s: %v", kind, err)
		}
	}
	got, err := maps.Get(ctx, "a", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Data) != 5 {
		t.Errorf("after four patches: got %v", got.Data)
	}
	service, err := api.Client.CoreV1().Services("default").Get(ctx, "kubernetes", metav1.GetOptions{})
	if err != nil || service.Spec.ClusterIP != "10.96.0.1" {
		t.Errorf("service kubernetes: got %v, %v", service, err)
	}
}
