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

	mu       sync.Mutex
	file     *os.File // guarded by mu, as all below
	standing []Entry
	last     int64
}

// Open reads the ledger at path, or begins a new one.
func Open(path string) (*Ledger, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("read boot id: %w", err)
	}
	return open(path, strings.TrimSpace(string(boot)))
}

func open(path, boot string) (*Ledger, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make directory of ledger: %w", err)
	}
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	created := err != nil
	standing, sound, err := replay(content, boot)
	if err != nil {
		return nil, fmt.Errorf("open ledger %q (its sound lines say what to undo by hand): %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	l := &Ledger{book: &book{boot: boot, file: file, standing: standing}}
	for _, e := range standing {
		l.last = max(l.last, e.Seq)
	}
	if err := l.prepare(int64(sound), created); err != nil {
		file.Close()
		return nil, err
	}
	return l, nil
}

// Of is this ledger for the changes that are made for one owner: Undo of it reverts those and leaves the others alone.
func (l *Ledger) Of(owner string) *Ledger { return &Ledger{book: l.book, owner: owner} }

// prepare cuts off a torn last line and makes sure that a new file's name is on disk too.
func (l *book) prepare(sound int64, created bool) error {
	if err := l.file.Truncate(sound); err != nil {
		return fmt.Errorf("cut torn line off the ledger: %w", err)
	}
	if _, err := l.file.Seek(sound, 0); err != nil {
		return fmt.Errorf("go to the end of the ledger: %w", err)
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

// write appends one line and returns when it is on disk.
func (l *book) write(content line) error {
	raw, err := json.Marshal(content)
	if err != nil {
		return err
	}
	if _, err := l.file.Write(append(raw, '\n')); err != nil {
		return err
	}
	return l.file.Sync()
}
