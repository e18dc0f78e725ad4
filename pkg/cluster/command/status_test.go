package command

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proa-sh/proa/pkg/cluster/control"
)

func TestStatusText(t *testing.T) {
	began := time.Date(2026, 11, 21, 1, 2, 3, 0, time.UTC)
	for _, test := range []struct {
		name   string
		status control.Status
		lines  []string
		fault  string
	}{
		{
			name: "all works",
			status: control.Status{Phase: control.Running, Parts: map[string]string{"etcd": "", "api-server": ""},
				Nodes: []control.Node{{Name: "vm"}}, Pods: &control.Pods{All: 1, Ready: 1}},
			lines: []string{"running as process 7 since 2026-11-21 01:02:03", "server: https://x", "  api-server           works", "  etcd                 works",
				"node vm: ready", "pods: 1, of them 1 ready", ""},
		},
		{
			name: "some does not",
			status: control.Status{Phase: control.Running, Parts: map[string]string{"etcd": "", "kubelet": "node vm is not registered"},
				Nodes: []control.Node{{Name: "vm", Fault: "KubeletNotReady: no network"}, {Name: "node-2"}}, Pods: &control.Pods{All: 9, Ready: 3, Completed: 2, Failed: 1, Ending: 1}},
			lines: []string{"running as process 7 since 2026-11-21 01:02:03", "server: https://x", "  etcd                 works", "  kubelet              node vm is not registered",
				"node vm: not ready: KubeletNotReady: no network", "node node-2: ready", "pods: 9, of them 3 ready, 2 completed, 1 failed, 1 ending, 2 not ready", ""},
			fault: "not working: kubelet, node vm",
		},
		{
			name:   "starting",
			status: control.Status{Phase: control.Starting},
			lines:  []string{"starting as process 7 since 2026-11-21 01:02:03", "server: https://x", ""},
			fault:  "the cluster is starting",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.status.Pid, test.status.Began, test.status.Server = 7, began, "https://x"
			var out strings.Builder
			printStatus(&out, test.status)
			if diff := cmp.Diff(strings.Join(test.lines, "\n"), out.String()); diff != "" {
				t.Error(diff)
			}
			fault := ""
			if err := faultOf(test.status); err != nil {
				fault = err.Error()
			}
			if fault != test.fault {
				t.Errorf("fault %q, want %q", fault, test.fault)
			}
		})
	}
}

func TestMustBeRoot(t *testing.T) {
	if err := mustBeRoot(0); err != nil {
		t.Error(err)
	}
	if err := mustBeRoot(1000); err == nil || err.Error() != "proa runs as user 1000 and must be root: run it with sudo" {
		t.Errorf("another user: %v", err)
	}
}
