package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/proa-sh/proa/test/cluster"
)

// stormKind is a kind that can be created, as discovery tells it.
type stormKind struct {
	schema.GroupVersionResource
	Kind       string
	namespaced bool
	stored     bool // else it is a question, such as a TokenReview
	status     bool
	schemas    map[string]any
	schema     map[string]any
	plain      *unstructured.Unstructured
	filled     *unstructured.Unstructured // nil: upstream has none
}

func (k stormKind) String() string { return k.Kind + "." + k.GroupVersion().String() }

// stormKinds lists every kind that is served in every version, with its objects.
func stormKinds(t *testing.T, api *cluster.API) []stormKind {
	t.Helper()
	_, lists, err := api.Client.Discovery().ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	plain, filled := readKinds(t), readFilled(t)
	for gvk, u := range readObjects(t, "testdata/storm.yaml") {
		plain[gvk] = u
	}
	var out []stormKind
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		schemas := readSchemas(t, api, gv)
		for _, r := range list.APIResources {
			if strings.Contains(r.Name, "/") || !slices.Contains(r.Verbs, "create") {
				continue
			}
			k := stormKind{GroupVersionResource: gv.WithResource(r.Name), Kind: r.Kind, namespaced: r.Namespaced, stored: slices.Contains(r.Verbs, "list"), schemas: schemas}
			k.status = slices.ContainsFunc(list.APIResources, func(s metav1.APIResource) bool { return s.Name == r.Name+"/status" })
			k.schema = schemaOf(schemas, gv.WithKind(r.Kind))
			k.filled = filled[gv.WithKind(r.Kind)]
			if k.plain = plain[gv.WithKind(r.Kind)]; k.plain == nil {
				k.plain = otherVersion(plain, gv.WithKind(r.Kind))
			}
			if k.plain == nil {
				t.Errorf("%s is served and has no object: add a plain one to testdata/kinds.yaml or storm.yaml", k)
				continue
			}
			out = append(out, k)
		}
	}
	return out
}

// otherVersion makes an object out of one of another version: a plain Event and HorizontalPodAutoscaler are written in one.
func otherVersion(plain map[schema.GroupVersionKind]*unstructured.Unstructured, gvk schema.GroupVersionKind) *unstructured.Unstructured {
	for other, u := range plain {
		if other.Kind != gvk.Kind {
			continue
		}
		changed := u.DeepCopy()
		changed.SetGroupVersionKind(gvk)
		if gvk.Group == "events.k8s.io" {
			changed.Object = map[string]any{"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": map[string]any{"name": "a"}, "eventTime": "2026-01-01T00:00:00.000000Z",
				"reportingController": "example.org/c", "reportingInstance": "c", "action": "Test", "reason": "Tested", "type": "Normal"}
		}
		if spec, ok := changed.Object["spec"].(map[string]any); ok {
			delete(spec, "metrics")
		}
		return changed
	}
	return nil
}

func readObjects(t *testing.T, file string) map[schema.GroupVersionKind]*unstructured.Unstructured {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := map[schema.GroupVersionKind]*unstructured.Unstructured{}
	for doc := range strings.SplitSeq(string(data), "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatalf("decode object of %s: %v\n%s", file, err, doc)
		}
		out[u.GroupVersionKind()] = u
	}
	return out
}

// readFilled reads the objects of k8s.io/api with a value in every field.
func readFilled(t *testing.T) map[schema.GroupVersionKind]*unstructured.Unstructured {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/api").Output()
	if err != nil {
		t.Fatalf("find the module k8s.io/api: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "testdata", "HEAD", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("find the filled objects of k8s.io/api in %q: %v", dir, err)
	}
	out := map[schema.GroupVersionKind]*unstructured.Unstructured{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(data); err != nil {
			continue // a list, or options
		}
		out[u.GroupVersionKind()] = u
	}
	return out
}

// readSchemas returns the schemas of a group's OpenAPI document.
func readSchemas(t *testing.T, api *cluster.API, gv schema.GroupVersion) map[string]any {
	t.Helper()
	path := "/openapi/v3/apis/" + gv.String()
	if gv.Group == "" {
		path = "/openapi/v3/api/" + gv.Version
	}
	data, err := api.Client.Discovery().RESTClient().Get().AbsPath(path).SetHeader("Accept", "application/json").DoRaw(t.Context())
	if err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	var document struct {
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatalf("decode %s: %v", path, err)
	}
	return document.Components.Schemas
}

func schemaOf(schemas map[string]any, gvk schema.GroupVersionKind) map[string]any {
	want := fmt.Sprint(map[string]any{"group": gvk.Group, "version": gvk.Version, "kind": gvk.Kind})
	for _, s := range schemas {
		one, _ := s.(map[string]any)
		kinds, _ := one["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) == 1 && fmt.Sprint(kinds[0]) == want {
			return one
		}
	}
	return nil
}
