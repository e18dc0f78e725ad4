package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/test/cluster"
)

func readFile[T any](t *testing.T, name string) T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatalf("decode %s: %v", name, err)
	}
	return out
}

// TestDiscovery compares what the server says of itself with what a v1.36 server says: groups and versions in order,
// resources with their names, verbs, kinds and subresources.
func TestDiscovery(t *testing.T) {
	api := cluster.StartAPI(t)
	want := readFile[[]apidiscoveryv2.APIGroupDiscovery](t, "discovery-v1.36.json")
	var got []apidiscoveryv2.APIGroupDiscovery
	for _, path := range []string{"/api", "/apis"} {
		var list apidiscoveryv2.APIGroupDiscoveryList
		data, err := api.Client.CoreV1().RESTClient().Get().AbsPath(path).SetHeader("Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList").DoRaw(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &list); err != nil {
			t.Fatal(err)
		}
		got = append(got, list.Items...)
	}
	for _, groups := range [][]apidiscoveryv2.APIGroupDiscovery{want, got} {
		for i := range groups {
			groups[i].CreationTimestamp = metav1.Time{}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("discovery differs from that of a v1.36 server (-want +got):\n%s", diff)
	}
	t.Run("tables", func(t *testing.T) { compareTables(t, api) })
	t.Run("OpenAPI", func(t *testing.T) { readOpenAPI(t, api) })
	t.Run("kubectl", func(t *testing.T) { explain(t, api) })
}

// compareTables asks for every resource as a table.
func compareTables(t *testing.T, api *cluster.API) {
	want := readFile[map[string][][]any](t, "tables-v1.36.json")
	got := map[string][][]any{}
	for name := range want {
		i := strings.LastIndex(name, "/")
		version, plural := name[:i], name[i+1:]
		path := "/apis/" + version + "/" + plural
		if version == "v1" {
			path = "/api/v1/" + plural
		}
		data, err := api.Client.CoreV1().RESTClient().Get().AbsPath(path).SetHeader("Accept", "application/json;as=Table;g=meta.k8s.io;v=v1").DoRaw(t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var table metav1.Table
		if err := json.Unmarshal(data, &table); err != nil {
			t.Fatal(err)
		}
		columns := [][]any{}
		for _, c := range table.ColumnDefinitions {
			columns = append(columns, []any{c.Name, c.Type, c.Format, float64(c.Priority)})
		}
		got[name] = columns
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables differ from those of a v1.36 server (-want +got):\n%s", diff)
	}
}

// readOpenAPI checks that both documents describe what clients use most.
func readOpenAPI(t *testing.T, api *cluster.API) {
	var v2 struct {
		Definitions map[string]any
		Paths       map[string]any
	}
	get := func(path string, into any) {
		t.Helper()
		data, err := api.Client.Discovery().RESTClient().Get().RequestURI(path).SetHeader("Accept", "application/json").DoRaw(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	get("/openapi/v2", &v2)
	for _, definition := range []string{"io.k8s.api.core.v1.Pod", "io.k8s.api.apps.v1.Deployment", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
		"io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService", "io.k8s.api.autoscaling.v1.Scale"} {
		if v2.Definitions[definition] == nil {
			t.Errorf("OpenAPI v2 has no %s", definition)
		}
	}
	for _, path := range []string{"/api/v1/namespaces/{namespace}/pods/{name}/log", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale", "/version/"} {
		if v2.Paths[path] == nil {
			t.Errorf("OpenAPI v2 has no path %s", path)
		}
	}
	var v3 struct {
		Paths map[string]struct{ ServerRelativeURL string }
	}
	get("/openapi/v3", &v3)
	for _, g := range readFile[[]apidiscoveryv2.APIGroupDiscovery](t, "discovery-v1.36.json") {
		for _, v := range g.Versions {
			key := "apis/" + g.Name + "/" + v.Version
			if g.Name == "" {
				key = "api/" + v.Version
			}
			if v3.Paths[key].ServerRelativeURL == "" {
				t.Errorf("OpenAPI v3 has no %s", key)
				continue
			}
			var document struct{ Paths map[string]any }
			get(v3.Paths[key].ServerRelativeURL, &document)
			if len(document.Paths) == 0 {
				t.Errorf("OpenAPI v3 document %s has no paths", key)
			}
		}
	}
	var apps struct {
		Components struct {
			Schemas map[string]struct {
				Kinds []map[string]string `json:"x-kubernetes-group-version-kind"`
			}
		}
	}
	get(v3.Paths["apis/apps/v1"].ServerRelativeURL, &apps)
	if kinds := apps.Components.Schemas["io.k8s.api.apps.v1.Deployment"].Kinds; len(kinds) != 1 || kinds[0]["kind"] != "Deployment" {
		t.Errorf("Deployment is of the kinds %v", kinds)
	}
}

// explain uses a stock kubectl.
func explain(t *testing.T, api *cluster.API) {
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := api.Certificates.WriteKubeconfig(file, "test", api.URL, pki.Admin); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"explain", "pod.spec.containers"}, "A single application container that you want to run within a pod."},
		{[]string{"explain", "deployments.spec.strategy", "--api-version=apps/v1"}, "rollingUpdate"},
		{[]string{"explain", "crd.spec.versions"}, "storage"},
		{[]string{"api-resources", "--verbs=list", "-o", "name"}, "horizontalpodautoscalers.autoscaling"},
		{[]string{"get", "svc,ns", "-A"}, "10.96.0.1"},
		{[]string{"auth", "can-i", "--list"}, "[*]"},
		{[]string{"get", "--raw", "/readyz"}, "ok"},
	} {
		command := exec.CommandContext(t.Context(), "kubectl", append([]string{"--kubeconfig", file, "--cache-dir", t.TempDir()}, c.args...)...)
		out, err := command.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte(c.want)) {
			t.Errorf("kubectl %s: %v, want ...%s:\n%s", strings.Join(c.args, " "), err, c.want, out)
		}
	}
}
