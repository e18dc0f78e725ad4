package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/proa-sh/proa/pkg/cluster/directory"
)

// record is what the data directory remembers of a further node. It exists from the moment that the node is wanted until it is
// deleted.
type record struct {
	Name string `json:"name"`
	// Index gives the node its address in the network of nodes; the host has 1.
	Index int `json:"index"`
}

const firstIndex = 2

// maxNodeName leaves room for the paths of sockets, which the kernel bounds.
const maxNodeName = 40

// newRecord gives a node that is to be added its index, and if it has none its name.
func (c Config) newRecord(existing []record, name string) (record, error) {
	index := firstIndex
	for slices.ContainsFunc(existing, func(r record) bool { return r.Index == index }) {
		index++
	}
	// The last address is the network's broadcast.
	if last := 1<<(32-c.NodeCIDR.Bits()) - 2; index > last {
		return record{}, fmt.Errorf("add a node: network %v has no address left; choose a larger one with --node-cidr", c.NodeCIDR)
	}
	taken := func(name string) bool {
		return name == c.NodeName || slices.ContainsFunc(existing, func(r record) bool { return r.Name == name })
	}
	if name == "" {
		number := index
		for name = nodeName(number); taken(name); name = nodeName(number) {
			number++
		}
	}
	if faults := validation.IsDNS1123Label(name); len(faults) > 0 || len(name) > maxNodeName {
		return record{}, fmt.Errorf("add node %q: a name has at most %d lower case letters, digits and '-', and begins and ends without '-'", name, maxNodeName)
	}
	if taken(name) {
		return record{}, fmt.Errorf("add node %q: there is one of that name", name)
	}
	return record{Name: name, Index: index}, nil
}

func nodeName(number int) string { return "node-" + strconv.Itoa(number) }

// missing gives the records of nodes that must be added so that there are as many as wanted, with this machine.
func (c Config) missing(existing []record) ([]record, error) {
	var added []record
	for 1+len(existing)+len(added) < c.Nodes {
		r, err := c.newRecord(slices.Concat(existing, added), "")
		if err != nil {
			return nil, err
		}
		added = append(added, r)
	}
	return added, nil
}

func (c Config) recordFile(name string) string {
	return filepath.Join(c.NodesDir(), name, "node.json")
}

// readRecords gives the further nodes in the order of their indices. A directory without a record is left over from a deletion
// that was broken off.
func (c Config) readRecords() ([]record, error) {
	entries, err := os.ReadDir(c.NodesDir())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	var records []record
	for _, entry := range entries {
		content, err := os.ReadFile(c.recordFile(entry.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		var r record
		if err == nil {
			err = json.Unmarshal(content, &r)
		}
		if err != nil {
			return nil, fmt.Errorf("read what is known of node %s: %w", entry.Name(), err)
		}
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b record) int { return a.Index - b.Index })
	return records, nil
}

// writeRecord remembers a node.
func (c Config) writeRecord(r record) error {
	content, err := json.Marshal(r)
	file := c.recordFile(r.Name)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o711)
	}
	if err == nil {
		err = os.WriteFile(file+".new", content, 0o600)
	}
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	if err != nil {
		return fmt.Errorf("remember node %s: %w", r.Name, err)
	}
	return nil
}

// forget removes all that is known of a node, and its data but for what others have mounted there, which is an error. It may be
// repeated.
func (c Config) forget(name string) error {
	if err := os.Remove(c.recordFile(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forget node %s: %w", name, err)
	}
	dir := filepath.Join(c.NodesDir(), name)
	spared, err := directory.Remove(dir)
	if err == nil && len(spared) > 0 {
		err = fmt.Errorf("%s is mounted there and was left; unmount it, and remove %s yourself", strings.Join(spared, ", "), dir)
	}
	if err != nil {
		return fmt.Errorf("remove data of node %s: %w", name, err)
	}
	return nil
}

// ensureRecords adds the nodes that are missing and gives all.
func (c Config) ensureRecords() ([]record, error) {
	records, err := c.readRecords()
	if err != nil {
		return nil, err
	}
	added, err := c.missing(records)
	if err != nil {
		return nil, err
	}
	for _, r := range added {
		if err := c.writeRecord(r); err != nil {
			return nil, err
		}
	}
	return append(records, added...), nil
}
