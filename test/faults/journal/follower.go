package journal

import (
	"maps"
	"sync"
)

// Follower is what one watch of a resource has told, over all its connections. It is safe for concurrent use.
type Follower struct {
	journal  *Journal
	resource string

	mu sync.Mutex
	// The rest is guarded by mu.
	last    int64 // the revision up to which everything was told
	objects map[string]State
	told    map[int64]bool
	relists []relist
}

// relist is a list in place of events: what happened between the two revisions is not told one by one.
type relist struct{ after, upTo int64 }

// NewFollower makes one that has not been told anything.
func NewFollower(j *Journal, resource string) *Follower {
	return &Follower{journal: j, resource: resource, objects: map[string]State{}, told: map[int64]bool{}}
}

// Last is the revision from which a watch goes on; 0 before the first list.
func (f *Follower) Last() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// List is told a whole list.
func (f *Follower) List(revision int64, got map[string]State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if revision < f.last {
		f.journal.Fault("a list of %s has resourceVersion %d after their watch told of %d: it went back", f.resource, revision, f.last)
	}
	for name, was := range f.objects {
		if now, is := got[name]; is && now.UID == was.UID && now.Revision < was.Revision {
			f.journal.Fault("a list of %s tells %s as %v after the watch told %v", f.resource, name, now, was)
		}
	}
	f.relists = append(f.relists, relist{f.last, revision})
	f.last, f.objects = revision, got
}

// Event is told a change; now does not exist when the object was deleted at that revision.
func (f *Follower) Event(name string, revision int64, now State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if revision <= f.last {
		f.journal.Fault("the watch of %s tells %s at resourceVersion %d after %d", f.resource, name, revision, f.last)
	}
	f.told[revision] = true
	f.last = max(f.last, revision)
	if now.Exists {
		f.objects[name] = now
	} else {
		delete(f.objects, name)
	}
}

// Bookmark is told that nothing else happened up to the revision.
func (f *Follower) Bookmark(revision int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if revision < f.last {
		f.journal.Fault("the watch of %s tells a bookmark of resourceVersion %d after %d", f.resource, revision, f.last)
	}
	f.last = max(f.last, revision)
}

// Objects are those that exist as far as the watch has told, by name.
func (f *Follower) Objects() map[string]State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.objects)
}

// Relists is how many lists there were after the first.
func (f *Follower) Relists() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(len(f.relists)-1, 0)
}

// Check compares with the acknowledged writes, of which the watch must have told each, and with what the objects are. It is called
// when the watch has told of everything. It gives the number of events, and of writes that fell between a watch and a list.
func (f *Follower) Check() (events, between int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, write := range f.journal.Writes(f.resource) {
		switch {
		case f.told[write.Revision]:
		case f.listed(write.Revision):
			between++
		default:
			f.journal.Fault("the watch has not told of %v at resourceVersion %d, which was acknowledged", write.Object, write.Revision)
		}
	}
	for _, o := range f.journal.Objects(f.resource) {
		f.journal.Read(o, f.objects[o.Name])
	}
	return len(f.told), between
}

func (f *Follower) listed(revision int64) bool {
	for _, r := range f.relists {
		if r.after < revision && revision <= r.upTo {
			return true
		}
	}
	return false
}
