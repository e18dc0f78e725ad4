package lint

import (
	"os"
	"testing"

	"golang.org/x/mod/modfile"
)

// dependencies are the modules that the product requires itself, each with its reason. A new one is well kept and of this
// field.
var dependencies = map[string]string{
	"github.com/containerd/containerd/v2":      "client, to import images and to run commands in containers",
	"github.com/containerd/errdefs":            "classes of containerd's errors",
	"github.com/coreos/go-systemd/v22":         "readiness of containerd and of proa (sd_notify)",
	"github.com/emicklei/go-restful/v3":        "how k8s.io/apiserver routes requests, for the server of the tests of histories",
	"github.com/fsnotify/fsnotify":             "logs and manifests are followed without polling",
	"github.com/go-jose/go-jose/v4":            "JSON web tokens of service accounts",
	"github.com/go-logr/logr":                  "the logger of controller-runtime",
	"github.com/google/go-cmp":                 "differences in tests",
	"github.com/google/go-containerregistry":   "images are built without Docker",
	"github.com/google/nftables":               "batches of netlink messages for set elements",
	"github.com/google/uuid":                   "identifiers",
	"github.com/moby/sys/mountinfo":            "mounts of this machine",
	"github.com/opencontainers/cgroups":        "cgroups, version 1 and 2",
	"github.com/proa-sh/proa/staging/apidef":   "ours, in this repository",
	"github.com/proa-sh/proa/staging/apirules": "ours, in this repository",
	"github.com/prometheus/client_golang":      "metrics",
	"github.com/spf13/cobra":                   "command lines",
	"github.com/spf13/pflag":                   "flags",
	"github.com/vishvananda/netlink":           "links, routes and connection tracking",
	"github.com/vishvananda/netns":             "network namespaces in tests",
	"go.etcd.io/etcd/client/v3":                "storage",
	"go.etcd.io/etcd/server/v3":                "storage in the process",
	"go.uber.org/zap":                          "the logger of etcd",
	"golang.org/x/mod":                         "this test",
	"golang.org/x/net":                         "packet filters and HTTP/2",
	"golang.org/x/sync":                        "groups of goroutines",
	"golang.org/x/sys":                         "system calls",
	"google.golang.org/grpc":                   "CRI and probes",
	"google.golang.org/protobuf":               "messages of CRI",
	"gopkg.in/evanphx/json-patch.v4":           "patches in tests, as the API server makes them",
	"sigs.k8s.io/controller-runtime":           "queues and reconcilers of controllers",
	"sigs.k8s.io/knftables":                    "transactions of nftables",
	"sigs.k8s.io/randfill":                     "random objects in tests",
	"sigs.k8s.io/structured-merge-diff/v6":     "server-side apply",
	"sigs.k8s.io/yaml":                         "configuration files",
}

func TestDependencies(t *testing.T) {
	content, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	file, err := modfile.Parse("go.mod", content, nil)
	if err != nil {
		t.Fatal(err)
	}
	required := map[string]bool{}
	for _, r := range file.Require {
		path := r.Mod.Path
		if path == "k8s.io/kubernetes" {
			t.Error("go.mod requires k8s.io/kubernetes: only test/conformance does")
		}
		if r.Indirect || len(path) > 7 && path[:7] == "k8s.io/" {
			continue // the published libraries are what we build on
		}
		required[path] = true
		if dependencies[path] == "" {
			t.Errorf("go.mod requires %s without a reason: use what is there, or add the module with its reason to hack/lint/dependencies_test.go", path)
		}
	}
	for path := range dependencies {
		if !required[path] {
			t.Errorf("%s is listed in hack/lint/dependencies_test.go and not required: remove the line", path)
		}
	}
}
