package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Ledger is an open ledger. Its methods may be called by many goroutines; one process at a time may have it open,
// which the caller sees to.
type Ledger struct {
	*book
	// owner is for whom changes are made; empty for the cluster as a whole.
	owner string
}

// book is what the ledgers of all owners have in common.
type book struct {
	boot string
	// path is the ledger's file, shared the directory of what the ledgers of the machine have in common.
	path, shared string

	mu       sync.Mutex
	file     *os.File // guarded by mu, as all below
	size     int64    // of the sound lines in the file, in bytes
	standing []Entry
	last     int64

	// damage is what could not be read when the ledger was opened.
	damage []string
}

// Open reads the ledger at path, or begins a new one.
func Open(path string) (*Ledger, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("read boot id: %w", err)
	}
	return open(path, strings.TrimSpace(string(boot)), sharedDir)
}

func open(path, boot, shared string) (*Ledger, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make directory of ledger: %w", err)
	}
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	created := err != nil
	read := replay(content, boot)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	l := &Ledger{book: &book{boot: boot, path: path, shared: shared, file: file, size: int64(read.sound), standing: read.standing, last: read.last}}
	for _, d := range read.damage {
		l.damage = append(l.damage, fmt.Sprintf("%s, %s", path, d))
	}
	if err := l.prepare(created); err != nil {
		file.Close()
		return nil, err
	}
	return l, nil
}

// Of is this ledger for the changes that are made for one owner: Undo of it reverts those and leaves the others alone.
func (l *Ledger) Of(owner string) *Ledger { return &Ledger{book: l.book, owner: owner} }

// Damage has a line for each line of the file that could not be read when it was opened. Where a full disk or a crash tore it,
// its change was never made; what else may have damaged the file, nobody knows.
func (l *book) Damage() []string { return l.damage }

// prepare cuts off a torn last line and makes sure that a new file's name is on disk too.
func (l *book) prepare(created bool) error {
	if err := l.cut(); err != nil {
		return err
	}
	if !created {
		return nil
	}
	dir, err := os.Open(filepath.Dir(l.file.Name()))
	if err != nil {
		return fmt.Errorf("open directory of ledger: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("sync directory of ledger: %w", err)
	}
	return nil
}

// Close closes the file. The changes stand.
func (l *book) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// Standing gives the changes that have not been undone, oldest first.
func (l *Ledger) Standing() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.standing)
}

// record writes a change that is about to be made. One that stands already is not written again: what was there before
// the first time is what must come back.
func (l *Ledger) record(e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.recordLocked(e)
}

func (l *Ledger) recordLocked(e Entry) error {
	e.Owner = l.owner
	if l.knows(e) {
		return nil
	}
	e.Seq, e.Boot, e.Time = l.last+1, l.boot, time.Now().UTC()
	if err := l.write(line{Entry: &e}); err != nil {
		return fmt.Errorf("write %s to the ledger: %w", e, err)
	}
	l.last = e.Seq
	l.standing = append(l.standing, e)
	return nil
}

func (l *book) knows(e Entry) bool {
	return slices.ContainsFunc(l.standing, func(s Entry) bool { return s.identity() == e.identity() })
}

// write appends one line and returns when it is on disk. What a full disk has let through of a line that failed is cut off
// again, at the latest by the next call.
func (l *book) write(content line) error {
	raw, err := json.Marshal(content)
	if err != nil {
		return err
	}
	if err := l.cut(); err != nil {
		return err
	}
	raw = append(raw, '\n')
	_, err = l.file.WriteAt(raw, l.size)
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		return errors.Join(err, l.cut())
	}
	l.size += int64(len(raw))
	return nil
}

// cut takes off the file what stands behind its sound lines.
func (l *book) cut() error {
	info, err := l.file.Stat()
	if err == nil && info.Size() > l.size {
		err = l.file.Truncate(l.size)
	}
	if err != nil {
		return fmt.Errorf("cut torn line off the ledger: %w", err)
	}
	return nil
}
