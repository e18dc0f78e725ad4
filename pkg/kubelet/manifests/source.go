package manifests

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"time"

	"github.com/fsnotify/fsnotify"
	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

// settle is how long a change may go on before files are read: editors and copies write in several steps.
const settle = 100 * time.Millisecond

// Source follows static pods.
type Source struct {
	// Path is a directory of manifests, or one manifest. It may come and go.
	Path     string
	NodeName string
	// Period is how often everything is read again as a check.
	Period time.Duration
}

// Run calls changed with all pods, at the start and whenever they differ, until ctx ends.
func (s Source) Run(ctx context.Context, changed func([]*v1.Pod)) error {
	s.Path = filepath.Clean(s.Path)
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", s.Path, err)
	}
	defer watcher.Close()
	logger := klog.FromContext(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last []*v1.Pod
	told, faults := false, ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-watcher.Events:
			if s.concerns(event.Name) {
				timer.Reset(settle)
			}
		case err := <-watcher.Errors:
			logger.Error(err, "Watching static pods failed; they are read again", "path", s.Path)
			timer.Reset(settle)
		case <-timer.C:
			timer.Reset(s.Period)
			if err := s.watch(watcher); err != nil {
				logger.Error(err, "Static pods cannot be watched; they are read from time to time", "path", s.Path)
			}
			list, errs := Read(s.Path, s.NodeName)
			if text := errors.Join(errs...); text != nil && text.Error() != faults {
				logger.Error(text, "Some static pods cannot be read", "path", s.Path)
			}
			if faults = ""; len(errs) > 0 {
				faults = errors.Join(errs...).Error()
			}
			if !told || !reflect.DeepEqual(list, last) {
				told, last = true, list
				changed(list)
			}
		}
	}
}

// concerns says whether a change is about the pods; the directory above is watched for the path itself.
func (s Source) concerns(name string) bool {
	return name == s.Path || filepath.Dir(name) == s.Path
}

// watch sees to it that the path and the directory that holds it are watched: one that was replaced is another one.
func (s Source) watch(watcher *fsnotify.Watcher) error {
	if err := watcher.Add(filepath.Dir(s.Path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := watcher.Add(s.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
