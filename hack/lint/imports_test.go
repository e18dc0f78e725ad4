package lint

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/proa-sh/proa"

// layers is the whole import policy: a package whose path is matched by the key (the longest match counts) may import, of
// this project, the packages that the list matches, besides those below its own key. A star in a key stands for one path
// element, and the same one in the list.
var layers = map[string][]string{
	"staging/apidef":   {},
	"staging/apirules": {},
	"manifests":        {},
	"pkg":              {}, // the map
	"pkg/quota":        {"pkg/pods"},

	// Leaves: pure questions about one kind.
	"pkg/pods":     {},
	"pkg/nodes":    {},
	"pkg/services": {},

	"pkg/component": {},

	"pkg/api": {"staging/apidef", "staging/apirules"},

	"pkg/apiserver":           {"pkg/api", "pkg/component", "pkg/pods", "pkg/nodes", "pkg/services", "pkg/quota", "staging/apidef", "manifests"},
	"pkg/apiserver/admission": {"pkg/pods", "pkg/nodes", "pkg/services", "pkg/quota", "staging/apirules", "pkg/apiserver/authz/node"},

	"pkg/controllers":             {"pkg/pods", "pkg/nodes", "pkg/services", "staging/apirules"},
	"pkg/controllers/*":           {"pkg/controllers/control", "pkg/pods", "pkg/nodes", "pkg/services", "pkg/quota", "staging/apirules"},
	"pkg/controllermanager":       {"pkg/controllers", "pkg/component"},
	"pkg/scheduler":               {"pkg/component", "pkg/pods", "pkg/nodes", "pkg/services"},
	"pkg/scheduler/plugins/*":     {"pkg/scheduler/cache", "pkg/scheduler/plugins/normalize", "pkg/scheduler/domains", "pkg/scheduler/reasons", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet":                 {"pkg/component", "pkg/pods", "pkg/nodes", "pkg/services"},
	"pkg/kubelet/podfile":         {},
	"pkg/kubelet/podstate":        {"pkg/pods"},
	"pkg/kubelet/logs":            {"pkg/kubelet/podfile"},
	"pkg/kubelet/desired":         {"pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/worker":          {"pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/runtime":         {"pkg/kubelet/podfile", "pkg/kubelet/podstate", "pkg/pods", "pkg/nodes", "pkg/services"},
	"pkg/kubelet/record":          {"pkg/kubelet/podstate"},
	"pkg/kubelet/volumes":         {"pkg/kubelet/podfile", "pkg/kubelet/podstate", "pkg/kubelet/record", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/probes":          {"pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/status":          {"pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/node":            {"pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/resources":       {"pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/server":          {"pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/manifests":       {"pkg/pods", "staging/apirules"}, // no API server has defaulted and checked static pods
	"pkg/kubelet/mirrors":         {"pkg/pods"},
	"pkg/kubelet/eviction":        {"pkg/kubelet/podstate", "pkg/pods"},
	"pkg/kubelet/identity":        {"pkg/component"},
	"pkg/proxy":                   {"pkg/component", "pkg/services", "pkg/nodes"},
	"pkg/network":                 {"pkg/nodes", "manifests"},
	"pkg/cluster":                 {"pkg", "manifests"},
	"cmd/*":                       {"pkg/*", "pkg/component", "pkg/*/options"},
	"cmd/kube-apiserver":          {"pkg/apiserver", "pkg/component"},
	"cmd/kube-controller-manager": {"pkg/controllermanager", "pkg/component"},
	"cmd/kube-scheduler":          {"pkg/scheduler", "pkg/component"},
	"cmd/kube-proxy":              {"pkg/proxy", "pkg/component"},
	"cmd/kubelet":                 {"pkg/kubelet", "pkg/component"},
	"cmd/proa":                    {"pkg/cluster", "pkg/component"},
	"cmd/pause":                   {},
	"cmd/node-init":               {"pkg/cluster/machine/first"},
	"cmd/proa-keeper":             {"pkg/cluster/keeper"},
	"hack":                        {"pkg", "manifests", "staging"},

	"test/make":        {},
	"test/cluster":     {"pkg", "test/make"},
	"test/histories":   {"pkg", "staging"},
	"test/integration": {"pkg", "test/make", "test/cluster", "staging"},
	"test/e2e":         {"test/make", "test/images"},
	"test/images":      {"pkg/cluster/images"},
	"test/conformance": {"pkg/cluster/images", "test/images"},
	"test/bench":       {"pkg", "test/make", "test/cluster"},
}

func TestImports(t *testing.T) {
	for _, p := range listPackages(t) {
		from, ok := strings.CutPrefix(p.ImportPath, module+"/")
		if !ok || strings.ContainsAny(from, " ") || strings.HasSuffix(from, ".test") {
			continue
		}
		key, allowed, known := layerOf(from)
		if !known {
			t.Errorf("%s has no layer: add its folder to the table in hack/lint/imports_test.go", from)
			continue
		}
		for _, imported := range p.Imports {
			if imported == "k8s.io/kubernetes" || strings.HasPrefix(imported, "k8s.io/kubernetes/") {
				t.Errorf("%s imports %s: the product never does; use a published k8s.io module", from, imported)
			}
			to, ours := strings.CutPrefix(imported, module+"/")
			if !ours || below(to, key) || slices.ContainsFunc(allowed, func(a string) bool { return below(to, a) }) {
				continue
			}
			t.Errorf("%s must not import %s: layer %q may import %v and what is below itself; move the code, or change the table in hack/lint/imports_test.go on purpose", from, to, key, allowed)
		}
	}
}

// layerOf finds the longest key that matches the path or a parent of it.
func layerOf(from string) (key string, allowed []string, known bool) {
	longest := -1
	for k, a := range layers {
		n := strings.Count(k, "/")
		if strings.Contains(k, "*") {
			n = 2*n + 0 // an exact key of the same length wins below
		} else {
			n = 2*n + 1
		}
		if prefix, ok := matchPrefix(k, from); ok && n > longest {
			longest, key, allowed, known = n, prefix, a, true
		}
	}
	return key, allowed, known
}

// matchPrefix matches a key against the path's first elements and returns those.
func matchPrefix(key, p string) (string, bool) {
	n := strings.Count(key, "/") + 1
	elements := strings.Split(p, "/")
	if len(elements) < n {
		return "", false
	}
	prefix := strings.Join(elements[:n], "/")
	ok, err := path.Match(key, prefix)
	return prefix, ok && err == nil
}

func below(p, parent string) bool {
	if strings.Contains(parent, "*") {
		_, ok := matchPrefix(parent, p)
		return ok
	}
	return p == parent || strings.HasPrefix(p, parent+"/")
}

type listed struct {
	ImportPath, Dir, Doc string
	Imports              []string
	GoFiles              []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,Imports,GoFiles", module+"/...")
	command.Dir = "../.."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("list packages: %v: %s", err, stderr(err))
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func stderr(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(exit.Stderr)
	}
	return ""
}

func TestDocs(t *testing.T) {
	for _, p := range listPackages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment: say in %s/doc.go what it owns, what comes in, what goes out and which test shows it", p.ImportPath, p.ImportPath)
		}
	}
}
