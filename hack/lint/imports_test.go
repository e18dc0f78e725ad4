package lint

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/proa-sh/proa"

// layers is the whole import policy: a package may import, of this project, what the list of its own path names, all below
// those included, and what lies below itself. A star stands for one path element. Each package has a line: a new one gets
// its own, for the line of its parent says nothing of it (TestLayersAreExact).
var layers = map[string][]string{
	"manifests":                           {},
	"staging/apidef":                      {},
	"staging/apirules":                    {},
	"staging/apirules/*":                  {"staging/apirules/core", "staging/apirules/meta"},
	"staging/apirules/internal/rulestest": {},

	"pkg": {}, // the map

	// Leaves: pure questions about one kind.
	"pkg/nodes":    {},
	"pkg/pods":     {},
	"pkg/quota":    {"pkg/pods"},
	"pkg/services": {},

	"pkg/killpoint": {}, // moments that tests kill at

	"pkg/component":              {},
	"pkg/component/settingstest": {"pkg/component"},

	"pkg/api":   {"staging/apidef", "staging/apirules"},
	"pkg/api/*": {"pkg/api/columns", "pkg/api/convert", "staging/apidef", "staging/apirules"},

	"pkg/apiserver":                       {"pkg/api", "pkg/component", "pkg/killpoint", "pkg/quota", "staging/apidef"},
	"pkg/apiserver/admission":             {"pkg/pods", "pkg/nodes", "pkg/quota", "staging/apirules", "pkg/apiserver/authz/node"},
	"pkg/apiserver/authn":                 {},
	"pkg/apiserver/authn/*":               {},
	"pkg/apiserver/authz/node":            {"pkg/pods"},
	"pkg/apiserver/authz/rbac":            {},
	"pkg/apiserver/bootstrap":             {"manifests"},
	"pkg/apiserver/bootstrap/clusterauth": {},
	"pkg/apiserver/documents":             {},
	"pkg/apiserver/inprocess":             {},
	"pkg/apiserver/ipalloc":               {"pkg/services"},
	"pkg/apiserver/openapi":               {},
	"pkg/apiserver/options":               {"pkg/component"},
	"pkg/apiserver/registry": {"pkg/api/core", "pkg/apiserver/authn/tokens", "pkg/apiserver/authz/rbac", "pkg/apiserver/ipalloc",
		"pkg/apiserver/options", "pkg/killpoint", "pkg/pods", "pkg/nodes", "pkg/services", "staging/apidef"},
	"pkg/apiserver/upkeep": {"pkg/apiserver/bootstrap", "pkg/apiserver/ipalloc"},

	"pkg/controllers":                     {"pkg/pods", "pkg/nodes", "pkg/services", "staging/apirules"},
	"pkg/controllers/*":                   {"pkg/controllers/control", "pkg/pods", "pkg/nodes", "pkg/services", "pkg/quota", "staging/apirules"},
	"pkg/controllers/control/controltest": {"pkg/controllers/control", "staging/apirules"},
	"pkg/controllers/control/revisions":   {"pkg/controllers/control"},
	"pkg/controllermanager":               {"pkg/controllers"},
	"pkg/controllermanager/options":       {"pkg/component", "pkg/controllermanager", "pkg/controllers"},

	"pkg/scheduler":            {"pkg/killpoint", "pkg/pods", "pkg/nodes"},
	"pkg/scheduler/cache":      {"pkg/pods", "pkg/nodes"},
	"pkg/scheduler/config":     {},
	"pkg/scheduler/domains":    {"pkg/scheduler/cache"},
	"pkg/scheduler/options":    {"pkg/component", "pkg/scheduler", "pkg/scheduler/config"},
	"pkg/scheduler/plugins":    {"pkg/scheduler/config", "pkg/scheduler/profile"},
	"pkg/scheduler/plugins/*":  {"pkg/scheduler/cache", "pkg/scheduler/plugins/normalize", "pkg/scheduler/domains", "pkg/scheduler/reasons", "pkg/pods", "pkg/nodes"},
	"pkg/scheduler/plugintest": {"pkg/scheduler/cache", "pkg/scheduler/config", "pkg/scheduler/profile", "pkg/scheduler/queue"},
	"pkg/scheduler/profile":    {"pkg/scheduler/cache", "pkg/scheduler/config", "pkg/scheduler/queue", "pkg/scheduler/reasons"},
	"pkg/scheduler/queue":      {"pkg/scheduler/cache"},
	"pkg/scheduler/reasons":    {},

	// Stages know values (podstate) and not each other; the package itself puts them together.
	"pkg/kubelet":                                    {"pkg/killpoint", "pkg/pods", "pkg/nodes", "pkg/services"},
	"pkg/kubelet/admission":                          {"pkg/kubelet/podstate", "pkg/pods"},
	"pkg/kubelet/crilog":                             {},
	"pkg/kubelet/desired":                            {"pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/eviction":                           {"pkg/kubelet/podstate", "pkg/pods"},
	"pkg/kubelet/handler":                            {"pkg/kubelet/podstate", "pkg/pods"},
	"pkg/kubelet/identity":                           {"pkg/component"},
	"pkg/kubelet/images":                             {"pkg/kubelet/podstate", "pkg/pods"},
	"pkg/kubelet/logs":                               {"pkg/kubelet/podfile"},
	"pkg/kubelet/manifests":                          {"pkg/pods", "staging/apirules"}, // no API server has defaulted and checked static pods
	"pkg/kubelet/mirrors":                            {"pkg/pods"},
	"pkg/kubelet/node":                               {"pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/objects":                            {"pkg/pods"},
	"pkg/kubelet/options":                            {"pkg/component", "pkg/kubelet", "pkg/kubelet/identity", "pkg/kubelet/manifests", "pkg/kubelet/node", "pkg/kubelet/resources", "pkg/kubelet/server"},
	"pkg/kubelet/podfile":                            {},
	"pkg/kubelet/record":                             {"pkg/kubelet/podstate"},
	"pkg/kubelet/podstate":                           {"pkg/pods"},
	"pkg/kubelet/probes":                             {"pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/resources":                          {"pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/runtime":                            {"pkg/kubelet/podfile", "pkg/kubelet/podstate", "pkg/pods", "pkg/nodes", "pkg/services"},
	"pkg/kubelet/server":                             {"pkg/kubelet/crilog", "pkg/kubelet/podfile", "pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/status":                             {"pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/taskexec":                           {},
	"pkg/kubelet/volumes":                            {"pkg/kubelet/podfile", "pkg/kubelet/record", "pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/worker":                             {"pkg/kubelet/podstate", "pkg/pods", "pkg/nodes"},
	"pkg/kubelet/runtime/containerdtest":             {},
	"pkg/kubelet/runtime/containerdtest/testprogram": {},

	"pkg/proxy":                    {"pkg/services", "pkg/nodes"},
	"pkg/proxy/conntrack":          {"pkg/proxy/model"},
	"pkg/proxy/health":             {"pkg/proxy/model"},
	"pkg/proxy/internal/netnstest": {},
	"pkg/proxy/model":              {"pkg/services", "pkg/nodes"},
	"pkg/proxy/nftables":           {"pkg/proxy/model"},
	"pkg/proxy/options":            {"pkg/component", "pkg/proxy", "pkg/proxy/conntrack"},
	"pkg/network":                  {"pkg/nodes"},
	"pkg/network/dns":              {"manifests"},

	// The room that starts everything; what lies below it starts one thing each.
	"pkg/cluster":               {"pkg/apiserver", "pkg/component", "pkg/controllermanager", "pkg/controllers", "pkg/network", "pkg/nodes", "pkg/pods", "pkg/scheduler"},
	"pkg/cluster/agent":         {"pkg/cluster/containerd", "pkg/cluster/control", "pkg/cluster/ledger", "pkg/cluster/node", "pkg/cluster/service", "pkg/cluster/steps"},
	"pkg/cluster/command":       {"pkg/cluster"},
	"pkg/cluster/containerd":    {"pkg/cluster/program", "pkg/kubelet/handler"},
	"pkg/cluster/control":       {"pkg/cluster/crash", "pkg/cluster/steps"},
	"pkg/cluster/controlplane":  {"pkg/apiserver/admission", "pkg/apiserver/options", "pkg/cluster/pki"},
	"pkg/cluster/crash":         {},
	"pkg/cluster/directory":     {},
	"pkg/cluster/keeper":        {"pkg/killpoint"},
	"pkg/cluster/etcd":          {},
	"pkg/cluster/footprint":     {},
	"pkg/cluster/images":        {},
	"pkg/cluster/ledger":        {"pkg/cluster/directory", "pkg/cluster/process", "pkg/cluster/unit"},
	"pkg/cluster/logfile":       {},
	"pkg/cluster/machine":       {"pkg/cluster/process"},
	"pkg/cluster/machine/first": {"pkg/killpoint"},
	"pkg/cluster/node": {"pkg/cluster/containerd", "pkg/cluster/images", "pkg/cluster/ledger", "pkg/cluster/pki", "pkg/cluster/program",
		"pkg/cluster/service", "pkg/cluster/steps", "pkg/component", "pkg/kubelet", "pkg/network", "pkg/proxy"},
	"pkg/cluster/pki":       {},
	"pkg/cluster/preflight": {"pkg/cluster/process"},
	"pkg/cluster/process":   {},
	"pkg/cluster/program":   {"pkg/cluster/logfile", "pkg/cluster/process", "pkg/killpoint"},
	"pkg/cluster/service":   {"pkg/cluster/control", "pkg/cluster/program", "pkg/cluster/steps"},
	"pkg/cluster/steps":     {},
	"pkg/cluster/unit":      {"pkg/cluster/keeper"},

	"cmd/kube-apiserver":          {"pkg/apiserver", "pkg/component"},
	"cmd/kube-controller-manager": {"pkg/controllermanager", "pkg/component"},
	"cmd/kube-proxy":              {"pkg/proxy", "pkg/component"},
	"cmd/kube-scheduler":          {"pkg/scheduler", "pkg/component"},
	"cmd/kubelet":                 {"pkg/kubelet", "pkg/component"},
	"cmd/node-init":               {"pkg/cluster/machine/first"},
	"cmd/pause":                   {},
	"cmd/proa":                    {"pkg/cluster", "pkg/component"},
	"cmd/proa-keeper":             {"pkg/cluster/keeper"},

	"hack/*": {"pkg", "manifests", "staging"},

	"test/conformance":                 {},
	"test/conformance/build":           {},
	"test/conformance/cluster":         {},
	"test/conformance/cmd/conformance": {"test/conformance/command"},
	"test/conformance/command":         {"test/conformance/build", "test/conformance/cluster", "test/conformance/images", "test/conformance/registry", "test/conformance/report", "test/conformance/suite"},
	"test/conformance/images":          {"pkg/cluster/images", "test/conformance/build", "test/images"},
	"test/conformance/registry":        {"pkg/cluster/images"},
	"test/conformance/report":          {"test/conformance/suite"},
	"test/conformance/suite":           {},

	"test/cluster":           {"pkg"},
	"test/histories":         {"pkg", "staging"},
	"test/histories/planted": {},
	"test/histories/rest":    {},
	"test/integration":       {"pkg", "test/cluster", "staging"},
	"test/faults":            {"pkg/cluster/control", "pkg/cluster/process", "pkg/killpoint", "test/e2e/box", "test/histories/rest"},
	"test/faults/journal":    {},
	"test/e2e":               {"test/images"},
	"test/e2e/*":             {"test/images"},
	"test/images":            {"pkg/cluster/images"},
	"test/images/build":      {"test/images"},
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

// TestLayersAreExact: no package falls to the line of a parent, and no line stands for no package.
func TestLayersAreExact(t *testing.T) {
	unused := maps.Clone(layers)
	for _, p := range listPackages(t) {
		from, ok := strings.CutPrefix(p.ImportPath, module+"/")
		if !ok {
			continue
		}
		key, exact := exactLayer(from)
		if !exact {
			t.Errorf("%s has no line of its own in the table of hack/lint/imports_test.go: add one that says what it may import", from)
		}
		delete(unused, key)
	}
	for key := range unused {
		t.Errorf("%s stands in the table of hack/lint/imports_test.go and is no package: remove the line", key)
	}
}

// exactLayer finds the key that matches a whole path; one without a star goes before.
func exactLayer(from string) (key string, ok bool) {
	if _, ok := layers[from]; ok {
		return from, true
	}
	for k := range layers {
		if matched, err := path.Match(k, from); err == nil && matched {
			return k, true
		}
	}
	return "", false
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
