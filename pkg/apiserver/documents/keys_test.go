package documents

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/proa-sh/proa/pkg/apiserver/openapi"
)

// TestWithKeys compares all definitions with and without: only keys without which an element would have none differ.
func TestWithKeys(t *testing.T) {
	ref := func(name string) spec.Ref {
		return spec.MustCreateRef("#/definitions/" + common.EscapeJsonPointer(name))
	}
	with, without := WithKeys(openapi.GetOpenAPIDefinitions)(ref), openapi.GetOpenAPIDefinitions(ref)
	var got []string
	for name, d := range with {
		for field, p := range d.Schema.Properties {
			if diff := cmp.Diff(without[name].Schema.Properties[field].Default, p.Default); diff != "" {
				if p.Default != "" || !p.Type.Contains("string") {
					t.Errorf("%s.%s has the default %v", name, field, p.Default)
				}
				got = append(got, name+"."+field)
			}
		}
	}
	slices.Sort(got)
	want := []string{"io.k8s.api.core.v1.ObjectReference.name", // of a service account's secrets
		"io.k8s.api.flowcontrol.v1.FlowSchemaCondition.type", "io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationCondition.type"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults of keys (-want +got):\n%s", diff)
	}
}
