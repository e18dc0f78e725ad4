package histories

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"
)

// watcher hands the changes of one resource to one client.
type watcher struct {
	store    *memory
	key      string
	options  storage.ListOptions
	position uint64 // up to this revision all has been handed out
	initial  []record
	bookmark bool // announce the end of the initial objects
	signal   chan struct{}
	out      chan watch.Event
	ctx      context.Context
	cancel   context.CancelFunc
}

// Watch implements storage.Interface.
func (m *memory) Watch(ctx context.Context, key string, options storage.ListOptions) (watch.Interface, error) {
	from, err := m.ParseResourceVersion(options.ResourceVersion)
	if err != nil {
		return nil, err
	}
	w := &watcher{store: m, key: key, options: options, position: from, signal: make(chan struct{}, 1), out: make(chan watch.Event)}
	w.ctx, w.cancel = context.WithCancel(ctx)
	w.bookmark = options.SendInitialEvents != nil && *options.SendInitialEvents
	if from == 0 || w.bookmark {
		w.initial, w.position = m.below(key, options.Recursive)
	}
	m.db.mu.Lock()
	defer m.db.mu.Unlock()
	m.db.watchers[w] = struct{}{}
	go w.run()
	return w, nil
}

func (w *watcher) ResultChan() <-chan watch.Event { return w.out }

// Stop implements watch.Interface.
func (w *watcher) Stop() { w.cancel() }

func (w *watcher) wake() {
	select {
	case w.signal <- struct{}{}:
	default: // it will look, already
	}
}

func (w *watcher) run() {
	defer close(w.out)
	defer func() {
		w.store.db.mu.Lock()
		defer w.store.db.mu.Unlock()
		delete(w.store.db.watchers, w)
	}()
	for _, one := range w.initial {
		obj := w.store.newFunc()
		if err := w.store.decode(one.data, one.revision, obj); err == nil {
			if ok, err := w.options.Predicate.Matches(obj); err == nil && ok && !w.send(watch.Added, obj) {
				return
			}
		}
	}
	if w.bookmark && !w.sendBookmark() {
		return
	}
	for {
		for _, c := range w.due() {
			event, err := w.event(c)
			if err != nil {
				event = &watch.Event{Type: watch.Error, Object: statusOf(err)}
			}
			if event != nil && !w.send(event.Type, event.Object) {
				return
			}
		}
		select {
		case <-w.signal:
		case <-w.ctx.Done():
			return
		}
	}
}

func (w *watcher) send(kind watch.EventType, obj runtime.Object) bool {
	select {
	case w.out <- watch.Event{Type: kind, Object: obj}:
		return true
	case <-w.ctx.Done():
		return false
	}
}

// sendBookmark ends the initial objects of a watch that replaces a list (KEP-3157).
func (w *watcher) sendBookmark() bool {
	obj := w.store.newFunc()
	if err := w.store.UpdateObject(obj, w.position); err != nil {
		return w.send(watch.Error, statusOf(err))
	}
	if err := storage.AnnotateInitialEventsEndBookmark(obj); err != nil {
		return w.send(watch.Error, statusOf(err))
	}
	return w.send(watch.Bookmark, obj)
}

func statusOf(err error) runtime.Object {
	status := apierrors.NewInternalError(err).Status()
	return &status
}

// due returns the changes that may be handed out now, and takes them as handed out.
func (w *watcher) due() []change {
	db := w.store.db
	db.mu.Lock()
	defer db.mu.Unlock()
	limit := db.revision
	if shown, held := db.held[w.store.resource]; held {
		limit = shown
	}
	first, _ := slices.BinarySearchFunc(db.log, w.position+1, byRevision)
	var all []change
	for _, c := range db.log[first:] {
		if c.revision > limit {
			break
		}
		if c.resource == w.store.resource && within(c.key, w.key, w.options.Recursive) {
			all = append(all, c)
		}
	}
	w.position = max(w.position, limit)
	return all
}

// event is what a client with this selection sees of a change; nil means nothing.
func (w *watcher) event(c change) (*watch.Event, error) {
	before, was, err := w.selected(c.before, c.revision)
	if err != nil {
		return nil, err
	}
	after, is, err := w.selected(c.after, c.revision)
	if err != nil {
		return nil, err
	}
	switch {
	case was && is:
		return &watch.Event{Type: watch.Modified, Object: after}, nil
	case is:
		return &watch.Event{Type: watch.Added, Object: after}, nil
	case was:
		return &watch.Event{Type: watch.Deleted, Object: before}, nil
	}
	return nil, nil
}

// selected decodes an object and says whether the watch is for it.
func (w *watcher) selected(data []byte, revision uint64) (runtime.Object, bool, error) {
	if data == nil {
		return nil, false, nil
	}
	obj := w.store.newFunc()
	if err := w.store.decode(data, revision, obj); err != nil {
		return nil, false, err
	}
	ok, err := w.options.Predicate.Matches(obj)
	if err != nil {
		return nil, false, fmt.Errorf("select %s: %w", w.store.resource, err)
	}
	return obj, ok, nil
}
