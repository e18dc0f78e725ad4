package ledger

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/nftables"
)

// Interface is told of a network link about to be made.
func (l *Ledger) Interface(name string) error {
	return l.record(Entry{Kind: Interface, Name: name})
}

// Route is told of a route about to be added in the main table. Gateway and device may be empty, not both.
func (l *Ledger) Route(prefix, gateway, device string) error {
	return l.record(Entry{Kind: Route, Name: prefix, Via: gateway, Device: device})
}

// NftTable is told of an nftables table about to be made. Family is ip, ip6, inet, arp, bridge or netdev.
func (l *Ledger) NftTable(family, name string) error {
	if _, err := tableFamily(family); err != nil {
		return err
	}
	return l.record(Entry{Kind: NftTable, Family: family, Name: name})
}

// Mount is told of a mount about to be made on target.
func (l *Ledger) Mount(target string) error {
	return l.record(Entry{Kind: Mount, Name: filepath.Clean(target)})
}

// NewNftTable is NftTable for a name that others use too: a table that exists already is not ours, and is not written down.
func (l *Ledger) NewNftTable(family, name string) error {
	number, err := tableFamily(family)
	if err != nil {
		return err
	}
	e := Entry{Kind: NftTable, Family: family, Name: name}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Owner = l.owner; l.knows(e) {
		return nil
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("connect to nftables: %w", err)
	}
	tables, err := conn.ListTablesOfFamily(number)
	if err != nil {
		return fmt.Errorf("list nftables tables: %w", err)
	}
	if slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == name }) {
		return nil
	}
	return l.recordLocked(e)
}

// NftRules is told of rules with this comment about to be added to a chain that somebody else has made.
func (l *Ledger) NftRules(family, table, chain, comment string) error {
	if _, err := tableFamily(family); err != nil {
		return err
	}
	if comment == "" {
		return errors.New("record nftables rules: empty comment")
	}
	return l.record(Entry{Kind: NftRules, Family: family, Name: table, Device: chain, Via: comment})
}

// HostPorts is told of rules about to be made in a table that the CNI project's plugin makes, for pods with addresses in the
// prefix. Others may have rules in it.
func (l *Ledger) HostPorts(family, table, pods string) error {
	if _, err := tableFamily(family); err != nil {
		return err
	}
	if _, err := netip.ParsePrefix(pods); err != nil {
		return fmt.Errorf("record host ports: %w", err)
	}
	return l.record(Entry{Kind: HostPorts, Family: family, Name: table, Via: pods})
}

// MountsUnder is told of a directory of ours below which mounts will come and go. What is mounted there already, and on
// the directory itself, is not ours.
func (l *Ledger) MountsUnder(dir string) error {
	dir = filepath.Clean(dir)
	if !filepath.IsAbs(dir) || dir == "/" {
		return fmt.Errorf("record mounts under %q: not a directory of ours", dir)
	}
	existing, err := mountsUnder(dir)
	if err != nil {
		return err
	}
	return l.record(Entry{Kind: MountsUnder, Name: dir, Except: existing})
}

// Cgroup is told of a cgroup about to be made, by its path below the root of each hierarchy (such as /kubepods).
func (l *Ledger) Cgroup(path string) error {
	path = filepath.Clean("/" + path)
	if path == "/" {
		return errors.New("record cgroup: the root is not ours")
	}
	return l.record(Entry{Kind: Cgroup, Name: path})
}

// Unit is told of a unit of systemd about to be written.
func (l *Ledger) Unit(file string) error {
	return l.record(Entry{Kind: Unit, Name: filepath.Clean(file)})
}

// Processes is told of processes about to be started that will carry the mark (see package process).
func (l *Ledger) Processes(mark string) error {
	if mark == "" {
		return errors.New("record processes: empty mark")
	}
	return l.record(Entry{Kind: Processes, Name: mark})
}

// maxOldFile bounds what is kept of a file that will be replaced.
const maxOldFile = 1 << 20

// File is told of a file about to be made or replaced. The former content is kept; it may have at most 1 MiB.
func (l *Ledger) File(path string) error {
	e := Entry{Kind: File, Name: filepath.Clean(path)}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return l.record(e)
	case err != nil:
		return fmt.Errorf("examine %q: %w", path, err)
	case !info.Mode().IsRegular() || info.Size() > maxOldFile:
		return fmt.Errorf("record file %q: it exists and is no regular file of at most %d bytes", path, maxOldFile)
	}
	if e.Old, err = os.ReadFile(path); err != nil {
		return fmt.Errorf("keep old content of %q: %w", path, err)
	}
	e.Existed, e.Mode = true, uint32(info.Mode().Perm())
	return l.record(e)
}

// Dir is told of a directory about to be made, which Undo will remove with its content. One that exists already is not
// ours, and is not written down.
func (l *Ledger) Dir(path string) error {
	path = filepath.Clean(path)
	if _, err := os.Lstat(path); err == nil {
		return nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("examine %q: %w", path, err)
	}
	return l.record(Entry{Kind: Dir, Name: path})
}

// SharedDir is told of a directory about to be made in which others may put things too: Undo removes it if it is empty then. One
// that exists already is not written down.
func (l *Ledger) SharedDir(path string) error {
	path = filepath.Clean(path)
	if _, err := os.Lstat(path); err == nil {
		return nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("examine %q: %w", path, err)
	}
	return l.record(Entry{Kind: SharedDir, Name: path})
}

// Files is told of files about to be made in a directory that is others' too, by an absolute pattern which their names match and
// no others do.
func (l *Ledger) Files(pattern string) error {
	if !filepath.IsAbs(pattern) || strings.ContainsAny(filepath.Dir(pattern), "*?[") {
		return fmt.Errorf("record files %q: not a pattern of names in one directory", pattern)
	}
	if _, err := filepath.Match(pattern, ""); err != nil {
		return fmt.Errorf("record files %q: %w", pattern, err)
	}
	return l.record(Entry{Kind: Files, Name: pattern})
}
