package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

const (
	suffix = ".json"
	// temporary and bad end the names of files that are being written, and of those that could not be read.
	temporary = ".tmp"
	bad       = ".bad"
	// keptBad is how many files that could not be read are kept to be looked at, maxSize how many bytes a record may have.
	keptBad = 8
	maxSize = 4 << 20
)

// Store holds the records of a node. It is safe for concurrent use; changes of different pods do not wait for each other.
type Store struct {
	dir string
	mu  sync.Mutex
	// pods by UID; guarded by mu.
	pods map[types.UID]*entry
}

// entry is the record of one pod. Its mutex is held while the file is written.
type entry struct {
	mu     sync.Mutex
	record *Record // nil when there is none; guarded by mu; the value is never changed
}

// Open reads the records in dir, which is made if it does not exist. Only a directory that cannot be used is an error.
func Open(logger klog.Logger, dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of pod records: %w", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list pod records: %w", err)
	}
	s := &Store{dir: dir, pods: map[types.UID]*entry{}}
	var kept []string
	for _, file := range files {
		path := filepath.Join(dir, file.Name())
		uid, isRecord := strings.CutSuffix(file.Name(), suffix)
		switch {
		case strings.HasSuffix(file.Name(), temporary):
			// What was being written when the kubelet ended was not acted on.
			err = os.Remove(path)
		case strings.HasSuffix(file.Name(), bad):
			kept = append(kept, path)
		case isRecord:
			r, readErr := read(path, types.UID(uid))
			if readErr == nil {
				s.pods[r.UID] = &entry{record: r}
				continue
			}
			logger.Error(readErr, "The record of a pod cannot be used and is set aside; what is known of the pod comes from the container runtime and the API",
				"podUID", uid, "file", path+bad)
			err = os.Rename(path, path+bad)
			kept = append(kept, path+bad)
		}
		if err != nil {
			return nil, fmt.Errorf("tidy pod records: %w", err)
		}
	}
	slices.Sort(kept)
	for _, path := range kept[:max(len(kept)-keptBad, 0)] {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("tidy pod records: %w", err)
		}
	}
	return s, nil
}

func read(path string, uid types.UID) (*Record, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return nil, fmt.Errorf("%s with %d bytes is no record", info.Mode().Type(), info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return decode(text, uid)
}

// Get returns the pod's record; false when there is none. It is read-only.
func (s *Store) Get(uid types.UID) (*Record, bool) {
	s.mu.Lock()
	e := s.pods[uid]
	s.mu.Unlock()
	if e == nil {
		return nil, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.record, e.record != nil
}

// All returns every record, by UID. They are read-only.
func (s *Store) All() []*Record {
	s.mu.Lock()
	uids := make([]types.UID, 0, len(s.pods))
	for uid := range s.pods {
		uids = append(uids, uid)
	}
	s.mu.Unlock()
	slices.Sort(uids)
	all := make([]*Record, 0, len(uids))
	for _, uid := range uids {
		if r, ok := s.Get(uid); ok {
			all = append(all, r)
		}
	}
	return all
}

// Change changes the pod's record, or makes one. When it returns without an error the change is on disk. A change that changes
// nothing writes nothing. change may be given a record that others read: it replaces what it changes and writes into nothing.
func (s *Store) Change(uid types.UID, change func(*Record)) error {
	if name := string(uid); name == "" || name == "." || name == ".." || filepath.Base(name) != name {
		return fmt.Errorf("pod UID %q cannot name a record", uid)
	}
	e := s.entry(uid)
	e.mu.Lock()
	defer e.mu.Unlock()
	next := Record{UID: uid}
	if e.record != nil {
		next = *e.record
	}
	change(&next)
	next.Version, next.UID = Version, uid
	if e.record != nil && equality.Semantic.DeepEqual(*e.record, next) {
		return nil
	}
	if err := s.write(&next); err != nil {
		return fmt.Errorf("write the record of pod %s: %w", uid, err)
	}
	e.record = &next
	return nil
}

func (s *Store) entry(uid types.UID) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.pods[uid]
	if e == nil {
		e = &entry{}
		s.pods[uid] = e
	}
	return e
}

// Forget removes the pod's record: nothing of the pod is left on the node. A crash may bring the record back, and then nothing
// is found to be done.
func (s *Store) Forget(uid types.UID) error {
	s.mu.Lock()
	e := s.pods[uid]
	s.mu.Unlock()
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := os.Remove(s.path(uid)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the record of pod %s: %w", uid, err)
	}
	e.record = nil
	s.mu.Lock()
	delete(s.pods, uid)
	s.mu.Unlock()
	return nil
}

func (s *Store) path(uid types.UID) string { return filepath.Join(s.dir, string(uid)+suffix) }

// write puts the record in place so that a crash at any moment leaves either the old one or the new one.
func (s *Store) write(r *Record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if len(text) > maxSize {
		return fmt.Errorf("it has %d bytes, more than %d", len(text), maxSize)
	}
	path := s.path(r.UID)
	if err := writeSynced(path+temporary, text); err != nil {
		return errors.Join(err, removeIfThere(path+temporary))
	}
	if err := os.Rename(path+temporary, path); err != nil {
		return errors.Join(err, removeIfThere(path+temporary))
	}
	return syncDir(s.dir)
}

func writeSynced(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := file.Write(text); err != nil {
		return errors.Join(err, file.Close())
	}
	return errors.Join(file.Sync(), file.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
