package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// Processes is told of processes about to be started that will carry the mark (see package process).
func (l *Ledger) Processes(mark string) error {
	if mark == "" {
		return errors.New("record processes: empty mark")
	}
	return l.record(Entry{Kind: Processes, Name: mark})
}

// SetSysctl sets a sysctl, named with dots or as a path below /proc/sys, after writing down the value it had. A sysctl
// that has the value already is left alone and not written down.
func (l *Ledger) SetSysctl(name, value string) error {
	path := filepath.Join(sysctlRoot, sysctlPath(name))
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read sysctl %s: %w", name, err)
	}
	if strings.TrimSpace(string(old)) == strings.TrimSpace(value) {
		return nil
	}
	e := Entry{Kind: Sysctl, Name: sysctlPath(name), Old: old, New: []byte(value), Existed: true}
	if err := l.record(e); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return fmt.Errorf("set sysctl %s to %q: %w", name, value, err)
	}
	return nil
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
