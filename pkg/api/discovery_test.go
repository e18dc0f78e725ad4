package api

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"

	"github.com/proa-sh/proa/staging/apidef"
)

// discovered is what a v1.36 API server shows of one group version.
type discovered struct {
	Group, Version string
	Resources      map[string]discoveredResource
}

type discoveredResource struct {
	Kind, Singular, Scope  string
	ShortNames, Categories []string
	Subresources           map[string][]string // verbs
}

// elsewhere tells what is not declared here but served by the library servers or by pkg/apiserver: by group, by resource
// or by subresource.
var elsewhere = map[string]bool{
	"apiregistration.k8s.io": true, "apiextensions.k8s.io": true, "authentication.k8s.io": true, "authorization.k8s.io": true,
	"bindings": true, "componentstatuses": true,
	"pods/attach": true, "pods/binding": true, "pods/eviction": true, "pods/exec": true, "pods/log": true, "pods/portforward": true,
	"pods/proxy": true, "nodes/proxy": true, "services/proxy": true, "serviceaccounts/token": true,
}

func TestDiscovery(t *testing.T) {
	want := map[schema.GroupVersionResource]discoveredResource{}
	for _, v := range readJSON[[]discovered](t, "testdata/discovery.json") {
		for name, r := range v.Resources {
			if elsewhere[v.Group] || elsewhere[name] {
				continue
			}
			for sub := range r.Subresources {
				if elsewhere[name+"/"+sub] {
					delete(r.Subresources, sub)
				}
			}
			if len(r.Subresources) == 0 {
				r.Subresources = nil
			}
			want[schema.GroupVersionResource{Group: v.Group, Version: v.Version, Resource: name}] = r
		}
	}
	got := map[schema.GroupVersionResource]discoveredResource{}
	groups, scheme := testGroups(t)
	for _, d := range definitions(groups) {
		r := describe(t, d, scheme)
		for _, kind := range versions(d) {
			got[kind.GroupVersion().WithResource(d.Names().Plural)] = r
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("declared resources differ from those of a v1.36 server (-want +got):\n%s", diff)
	}
}

// TestOrder checks that groups, and the resources of each, are in the order that discovery shows.
func TestOrder(t *testing.T) {
	var want []schema.GroupVersion
	for _, v := range readJSON[[]discovered](t, "testdata/discovery.json") {
		if v.Group != "apiregistration.k8s.io" {
			want = append(want, schema.GroupVersion{Group: v.Group, Version: v.Version})
		}
	}
	var got []schema.GroupVersion
	groups, _ := testGroups(t)
	for _, g := range groups {
		got = append(got, g.GroupVersions()...)
		names := func(d apidef.Definition) string { return d.Names().Plural }
		if !slices.IsSortedFunc(g.Resources, func(a, b apidef.Definition) int { return cmp.Compare(names(a), names(b)) }) {
			t.Errorf("resources of group %q are not sorted", g.Name)
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("order of groups (-want +got):\n%s", diff)
	}
}

// TestStoragePrefixes guards where objects lie in storage, so that the storage of another v1.36 server can be taken over.
func TestStoragePrefixes(t *testing.T) {
	old := map[string]string{
		"endpoints": "services/endpoints", "services": "services/specs", "nodes": "minions",
		"replicationcontrollers": "controllers", "ingresses": "ingress",
	}
	seen := map[string]bool{}
	groups, _ := testGroups(t)
	for _, d := range definitions(groups) {
		n := d.Names()
		if want := cmp.Or(old[n.Plural], n.Plural); n.Prefix() != want {
			t.Errorf("%s lie in %q, want %q", n.Plural, n.Prefix(), want)
		}
		if seen[n.Prefix()] {
			t.Errorf("two resources lie in %q", n.Prefix())
		}
		seen[n.Prefix()] = true
	}
}

// describe tells what discovery will show of a definition.
func describe(t *testing.T, d apidef.Definition, scheme *runtime.Scheme) discoveredResource {
	t.Helper()
	s, err := d.NewStorage(scheme, nowhere())
	if err != nil {
		t.Fatal(err)
	}
	n := d.Names()
	out := discoveredResource{Kind: n.Kind.Kind, Singular: n.Singular, Scope: "Namespaced", ShortNames: n.ShortNames, Categories: n.Categories}
	if n.ClusterScoped {
		out.Scope = "Cluster"
	}
	for path, served := range s.Served {
		if path == n.Plural {
			continue
		}
		var verbs []string
		if _, ok := served.(rest.Getter); ok {
			verbs = append(verbs, "get")
		}
		if _, ok := served.(rest.Patcher); ok {
			verbs = append(verbs, "patch")
		}
		if _, ok := served.(rest.Updater); ok {
			verbs = append(verbs, "update")
		}
		if out.Subresources == nil {
			out.Subresources = map[string][]string{}
		}
		out.Subresources[path[len(n.Plural)+1:]] = verbs
	}
	return out
}

// nowhere are the options of a storage that is not opened.
func nowhere() generic.RESTOptions {
	return generic.RESTOptions{
		ResourcePrefix: "nowhere",
		StorageConfig:  &storagebackend.ConfigForResource{},
		Decorator: func(*storagebackend.ConfigForResource, string, func(runtime.Object) (string, error), func() runtime.Object, func() runtime.Object, storage.AttrFunc, storage.IndexerFuncs, *cache.Indexers) (storage.Interface, factory.DestroyFunc, error) {
			return nil, func() {}, nil
		},
	}
}

func readJSON[T any](t *testing.T, path string) (out T) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatalf("decode %s: %v", path, err)
	}
	return out
}

func testGroups(t *testing.T) ([]apidef.Group, *runtime.Scheme) {
	t.Helper()
	groups := Groups(Options{})
	scheme, err := NewScheme(groups)
	if err != nil {
		t.Fatal(err)
	}
	return groups, scheme
}

func definitions(groups []apidef.Group) []apidef.Definition {
	var out []apidef.Definition
	for _, g := range groups {
		out = append(out, g.Resources...)
	}
	return out
}

// versions returns every kind in which a definition is served.
func versions(d apidef.Definition) []schema.GroupVersionKind {
	out := []schema.GroupVersionKind{d.Names().Kind}
	for _, s := range d.Names().Spokes {
		out = append(out, s.Kind)
	}
	return out
}
