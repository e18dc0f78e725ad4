package ledger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Kind says what an entry's fields mean and how it is undone.
type Kind string

const (
	// Interface: a network link, by Name. Undo deletes it, and with it its addresses and routes; of a bridge also the veth
	// pairs attached to it.
	Interface Kind = "interface"
	// Route: Name is the destination prefix, Via the gateway (may be empty), Device the link (may be empty).
	Route Kind = "route"
	// NftTable: Name is the table, Family its family (ip, ip6, inet, arp, bridge, netdev).
	NftTable Kind = "nft-table"
	// Mount: Name is the mount point.
	Mount Kind = "mount"
	// MountsUnder: everything mounted below the directory Name, but for the mount points in Except.
	MountsUnder Kind = "mounts-under"
	// Cgroup: Name is a path below the root of each cgroup hierarchy. Undo kills the processes in it and removes it.
	Cgroup Kind = "cgroup"
	// Processes: those that carry the mark Name (see package process).
	Processes Kind = "processes"
	// Sysctl: Name is its path below /proc/sys; Old and New its value before and after.
	Sysctl Kind = "sysctl"
	// File: Name is a file that was made (Existed false) or replaced (Old and Mode are the former content and mode).
	File Kind = "file"
	// Dir: Name is a directory that was made. Undo removes it with all that is in it.
	Dir Kind = "dir"
)

// Entry is one change. Which fields are used is said at its Kind. Owner is for whom it was made, empty for the cluster.
type Entry struct {
	Seq     int64     `json:"seq"`
	Kind    Kind      `json:"kind"`
	Name    string    `json:"name"`
	Owner   string    `json:"owner,omitempty"`
	Family  string    `json:"family,omitempty"`
	Via     string    `json:"via,omitempty"`
	Device  string    `json:"device,omitempty"`
	Existed bool      `json:"existed,omitempty"`
	Old     []byte    `json:"old,omitempty"`
	New     []byte    `json:"new,omitempty"`
	Mode    uint32    `json:"mode,omitempty"`
	Except  []string  `json:"except,omitempty"`
	Boot    string    `json:"boot"`
	Time    time.Time `json:"time"`
}

// String names the change for people.
func (e Entry) String() string {
	s := string(e.Kind) + " " + e.Name
	if e.Family != "" {
		s = string(e.Kind) + " " + e.Family + " " + e.Name
	}
	if e.Via != "" {
		s += " via " + e.Via
	}
	if e.Device != "" {
		s += " on " + e.Device
	}
	return s
}

// identity tells whether two entries are about the same change. A sysctl set to a third value is another change.
type identity struct {
	kind                                    Kind
	name, owner, family, via, device, value string
}

func (e Entry) identity() identity {
	return identity{kind: e.Kind, name: e.Name, owner: e.Owner, family: e.Family, via: e.Via, device: e.Device, value: string(e.New)}
}

// endsWithBoot says that a reboot reverts the change by itself.
func (k Kind) endsWithBoot() bool { return k != File && k != Dir }

// line is one line of the file: a change, or the word that one has been undone.
type line struct {
	Entry  *Entry `json:"change,omitempty"`
	Undone int64  `json:"undone,omitempty"`
}

// replay gives the changes that still stand in the order they were made, and how many bytes of the file are sound. The
// last line may be torn by a crash: it was then never acknowledged, so its change was never made.
func replay(content []byte, boot string) (standing []Entry, sound int, err error) {
	reader := bufio.NewReader(bytes.NewReader(content))
	for number := 1; ; number++ {
		raw, readErr := reader.ReadBytes('\n')
		if readErr != nil { // end of file, after nothing or after a torn line
			break
		}
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			return nil, 0, fmt.Errorf("read line %d of the ledger: %w", number, err)
		}
		sound += len(raw)
		if l.Entry == nil {
			standing = without(standing, l.Undone)
		} else {
			standing = append(standing, *l.Entry)
		}
	}
	return dropEnded(standing, boot), sound, nil
}

func without(entries []Entry, seq int64) []Entry {
	kept := entries[:0]
	for _, e := range entries {
		if e.Seq != seq {
			kept = append(kept, e)
		}
	}
	return kept
}

// dropEnded leaves out what a reboot has reverted.
func dropEnded(entries []Entry, boot string) []Entry {
	kept := entries[:0]
	for _, e := range entries {
		if e.Boot == boot || !e.Kind.endsWithBoot() {
			kept = append(kept, e)
		}
	}
	return kept
}

// sysctlPath turns a sysctl's name into its path below /proc/sys. A name with a slash is a path already, which is how to
// write one with a dot in an interface's name.
func sysctlPath(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	return strings.ReplaceAll(name, ".", "/")
}
