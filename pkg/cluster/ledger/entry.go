package ledger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
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
	// Sysctl: Name is its path below /proc/sys; Old and New its value before and after, Except the links that were there before
	// (see reliesOn). Other ledgers on the machine may count on it too: the last one restores it.
	Sysctl Kind = "sysctl"
	// File: Name is a file that was made (Existed false) or replaced (Old and Mode are the former content and mode).
	File Kind = "file"
	// Dir: Name is a directory that was made. Undo removes it with all that is in it.
	Dir Kind = "dir"
	// SharedDir: Name is a directory that was made, in which others put things too. Undo removes it if nothing is left in it.
	SharedDir Kind = "shared-dir"
	// Files: Name is a pattern (path/filepath.Match) of the names of files of ours in a directory that is others' too.
	Files Kind = "files"
	// NftRules: rules with the comment Via in the chain Device of the table Name of Family, which are somebody else's.
	NftRules Kind = "nft-rules"
	// HostPorts: rules for pods with addresses in the prefix Via, in the table Name of Family, in which others have rules too.
	// Undo removes the table when no rules are left in it.
	HostPorts Kind = "host-ports"
	// Unit: Name is the file of a unit of systemd (package unit). Undo ends the service too.
	Unit Kind = "systemd-unit"
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
func (k Kind) endsWithBoot() bool {
	return !slices.Contains([]Kind{File, Dir, SharedDir, Files, Unit}, k)
}

// line is one line of the file: a change, or the word that one has been undone.
type line struct {
	Entry  *Entry `json:"change,omitempty"`
	Undone int64  `json:"undone,omitempty"`
}

// reading is what a ledger's file says.
type reading struct {
	// standing are the changes that have not been undone, in the order they were made; last is the highest number ever given.
	standing []Entry
	last     int64
	// sound is how many bytes of the file are whole lines.
	sound int
	// damage tells of lines that could not be read.
	damage []string
}

// replay reads a file. The last line may be torn by a crash: it was then never acknowledged, so its change was never made. A line
// may also be torn anywhere, by a full disk, with the next one in its wake; whoever tells of the others must not stop at it.
func replay(content []byte, boot string) reading {
	var r reading
	reader := bufio.NewReader(bytes.NewReader(content))
	for number := 1; ; number++ {
		raw, err := reader.ReadBytes('\n')
		if err != nil { // end of file, after nothing or after a torn line
			break
		}
		r.sound += len(raw)
		l, torn, found := parseLine(raw)
		if torn != "" {
			r.damage = append(r.damage, fmt.Sprintf("line %d: a part cannot be read and is passed over: %s", number, torn))
		}
		switch {
		case !found:
		case l.Entry == nil:
			r.standing = without(r.standing, l.Undone)
		default:
			r.standing, r.last = append(r.standing, *l.Entry), max(r.last, l.Entry.Seq)
		}
	}
	r.standing = dropEnded(r.standing, boot)
	return r
}

// maxShown bounds how much of a torn line is told, in bytes.
const maxShown = 200

// parseLine reads a line, or of one that begins with a torn piece the whole line behind it.
func parseLine(raw []byte) (l line, torn string, found bool) {
	for at := 0; at < len(raw); at++ {
		if at > 0 && !bytes.HasPrefix(raw[at:], []byte(`{"change":`)) && !bytes.HasPrefix(raw[at:], []byte(`{"undone":`)) {
			continue
		}
		l = line{}
		if err := json.Unmarshal(raw[at:], &l); err == nil && (l.Entry != nil || l.Undone != 0) {
			return l, shown(raw[:at]), true
		}
	}
	return line{}, shown(raw), false
}

func shown(torn []byte) string {
	text := strings.TrimSpace(string(torn))
	if len(text) > maxShown {
		return fmt.Sprintf("%.*q...", maxShown, text)
	}
	if text == "" {
		return ""
	}
	return fmt.Sprintf("%q", text)
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
