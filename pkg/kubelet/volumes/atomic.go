package volumes

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Names in a projected volume. Users see links <name> -> ..data/<name>; ..data is a link to the directory of the current
// generation of files, and replacing that one link by rename is what makes an update atomic. Programs watch ..data for
// updates, so the names are part of the contract.
const (
	dataLink    = "..data"
	newDataLink = "..data_tmp"
	generation  = "..2006_01_02_15_04_05."
)

// writePayload makes the volume at dir, which must exist, hold exactly the payload, readable by gid if that is set.
// Readers see all files of either the old or the new payload. It writes nothing when the volume is up to date. What lies under
// the names of keep stays: mount points, on which a container may have something mounted.
func writePayload(dir string, content payload, gid *int64, keep map[string]bool) error {
	if err := content.check(); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	w := writer{root: root, gid: gid, keep: keep}
	old, err := w.current()
	if err != nil {
		return err
	}
	if old == "" || !w.holds(old, content) {
		if err := w.replace(content); err != nil {
			return err
		}
	}
	return w.tidy(content)
}

type writer struct {
	root *os.Root
	gid  *int64
	keep map[string]bool
}

// current is the directory of the generation that readers see; empty before the first write.
func (w writer) current() (string, error) {
	target, err := w.root.Readlink(dataLink)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return target, err
}

// holds says whether the generation consists of exactly the content, with its modes.
func (w writer) holds(gen string, content payload) bool {
	same, files := true, 0
	err := fs.WalkDir(w.root.FS(), gen, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		if want, ok := content[strings.TrimPrefix(path, gen+"/")]; !ok || !w.isWritten(path, want) {
			same = false
			return fs.SkipAll
		}
		return nil
	})
	return err == nil && same && files == len(content)
}

func (w writer) isWritten(path string, want file) bool {
	info, err := w.root.Lstat(path)
	if err != nil || info.Mode() != w.fileMode(want) {
		return false
	}
	data, err := w.root.ReadFile(path)
	return err == nil && bytes.Equal(data, want.data)
}

// replace writes a new generation and turns ..data to it.
func (w writer) replace(content payload) error {
	gen, err := w.makeGeneration()
	if err != nil {
		return fmt.Errorf("make directory for new content: %w", err)
	}
	for path, f := range content {
		if err := w.writeFile(gen, path, f); err != nil {
			return errors.Join(fmt.Errorf("write %q: %w", path, err), w.root.RemoveAll(gen))
		}
	}
	if err := w.root.RemoveAll(newDataLink); err != nil {
		return errors.Join(err, w.root.RemoveAll(gen))
	}
	if err := w.root.Symlink(gen, newDataLink); err != nil {
		return errors.Join(err, w.root.RemoveAll(gen))
	}
	if err := w.root.Rename(newDataLink, dataLink); err != nil {
		return errors.Join(err, w.root.RemoveAll(gen))
	}
	return nil
}

func (w writer) makeGeneration() (string, error) {
	prefix := time.Now().UTC().Format(generation)
	for n := 0; ; n++ {
		name := fmt.Sprintf("%s%010d", prefix, n)
		err := w.root.Mkdir(name, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		return name, w.own(name, nil, readableBy(w.gid, 0o755, true))
	}
}

func (w writer) writeFile(gen, path string, f file) error {
	if err := w.makeParents(gen, filepath.Dir(path)); err != nil {
		return err
	}
	name := filepath.Join(gen, path)
	out, err := w.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(f.data)
	return errors.Join(err, out.Chown(chownID(f.uid), chownID(w.gid)), out.Chmod(w.fileMode(f)), out.Close())
}

// makeParents makes the directories between the generation and a file.
func (w writer) makeParents(gen, dir string) error {
	if dir == "." {
		return nil
	}
	if err := w.makeParents(gen, filepath.Dir(dir)); err != nil {
		return err
	}
	name := filepath.Join(gen, dir)
	err := w.root.Mkdir(name, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.own(name, nil, readableBy(w.gid, 0o755, true))
}

func (w writer) fileMode(f file) fs.FileMode {
	return readableBy(w.gid, fs.FileMode(f.mode)&fs.ModePerm, false)
}

// own sets owner and mode whatever the process's umask is; owner first, since chown clears the set-group-ID bit.
func (w writer) own(name string, uid *int64, mode fs.FileMode) error {
	if err := w.root.Lchown(name, chownID(uid), chownID(w.gid)); err != nil {
		return err
	}
	return w.root.Chmod(name, mode)
}

// tidy makes the links that users see, removes those of files that are gone, and removes old generations, those left by
// a crash too.
func (w writer) tidy(content payload) error {
	current, err := w.current()
	if err != nil {
		return err
	}
	wanted := content.topLevel()
	entries, err := fs.ReadDir(w.root.FS(), ".")
	if err != nil {
		return err
	}
	present := make(map[string]bool, len(entries))
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case name == dataLink || name == current:
		case w.keep[name] && entry.Type()&fs.ModeSymlink == 0:
			present[name] = true
		case strings.HasPrefix(name, ".."):
			err = errors.Join(err, w.root.RemoveAll(name))
		case wanted[name] && w.pointsTo(name):
			present[name] = true
		default:
			err = errors.Join(err, w.root.RemoveAll(name))
		}
	}
	for name := range wanted {
		if !present[name] {
			err = errors.Join(err, w.root.Symlink(filepath.Join(dataLink, name), name))
		}
	}
	return err
}

func (w writer) pointsTo(name string) bool {
	target, err := w.root.Readlink(name)
	return err == nil && target == filepath.Join(dataLink, name)
}
