package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewRecord(t *testing.T) {
	for _, test := range []struct {
		name     string
		existing []record
		wanted   string
		want     record
		fault    string
	}{
		{name: "first", want: record{"node-2", 2}},
		{name: "lowest index that is free", existing: []record{{"node-2", 2}, {"node-4", 4}}, want: record{"node-3", 3}},
		{name: "given name", existing: []record{{"node-2", 2}}, wanted: "db", want: record{"db", 3}},
		{name: "a given name stands in the way", existing: []record{{"node-3", 2}}, want: record{"node-4", 3}},
		{name: "name of this machine", wanted: "node-1", fault: "there is one of that name"},
		{name: "name of another", existing: []record{{"db", 2}}, wanted: "db", fault: "there is one of that name"},
		{name: "no label", wanted: "a.b", fault: "lower case letters"},
		{name: "upper case", wanted: "Db", fault: "lower case letters"},
		{name: "long", wanted: strings.Repeat("a", 41), fault: "at most 40"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := example().newRecord(test.existing, test.wanted)
			if test.fault != "" {
				if err == nil || !strings.Contains(err.Error(), test.fault) {
					t.Errorf("error %v does not say %q", err, test.fault)
				}
				return
			}
			if err != nil || got != test.want {
				t.Errorf("got %v, %v; want %v", got, err, test.want)
			}
		})
	}
	full := example()
	full.NodeCIDR = full.NodeCIDR.Masked()
	var existing []record
	for i := firstIndex; i <= 254; i++ {
		existing = append(existing, record{Name: nodeName(i), Index: i})
	}
	if _, err := full.newRecord(existing, ""); err == nil || !strings.Contains(err.Error(), "no address left") {
		t.Errorf("a full network: %v", err)
	}
}

func TestRecordsAreKept(t *testing.T) {
	c := example()
	c.DataDir = t.TempDir()
	ensure := func(nodes int, want ...record) {
		t.Helper()
		c.Nodes = nodes
		got, err := c.ensureRecords()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d nodes wanted:\n%s", nodes, diff)
		}
	}
	ensure(0)
	ensure(1)
	ensure(3, record{"node-2", 2}, record{"node-3", 3})
	ensure(2, record{"node-2", 2}, record{"node-3", 3}) // none is taken away
	if err := os.WriteFile(filepath.Join(c.NodesDir(), "node-2", "data"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.forget("node-2"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(c.NodesDir(), "half-deleted"), 0o700); err != nil {
		t.Fatal(err)
	}
	ensure(0, record{"node-3", 3})
	ensure(4, record{"node-3", 3}, record{"node-2", 2}, record{"node-4", 4})
	ensure(0, record{"node-2", 2}, record{"node-3", 3}, record{"node-4", 4})
}

func TestFurtherNodesShareNothing(t *testing.T) {
	c := example()
	seen := map[string]string{}
	for _, n := range []record{{"node-2", 2}, {"node-3", 3}} {
		node := c.furtherNode(n)
		machine := c.machine(node, "/usr/lib/proa/proa")
		for what, place := range map[string]string{
			"address": node.IP.String(), "data": node.DataDir, "run": node.RunDir, "mark": node.Mark, "cgroup": node.CgroupRoot, "port": machine.Port,
		} {
			if other, twice := seen[what+place]; twice {
				t.Errorf("%s %s is that of %s and of %s", what, place, other, node.Name)
			}
			seen[what+place] = node.Name
		}
		if len(machine.Port) > 15 || len(machine.Bridge) > 15 {
			t.Errorf("the kernel takes no links called %s or %s", machine.Port, machine.Bridge)
		}
		if got, want := machine.Address.String(), node.IP.String()+"/24"; got != want {
			t.Errorf("machine of %s has address %s, want %s", node.Name, got, want)
		}
	}
	long := c
	long.UseDataDir("/srv/other")
	node := long.furtherNode(record{strings.Repeat("n", maxNodeName), 2})
	// unix(7): a path has 108 bytes with the one that ends it.
	if socket := node.Containerd(false).Socket() + ".ttrpc"; len(socket) > 107 {
		t.Errorf("the path %s of a socket has %d bytes", socket, len(socket))
	}
}
