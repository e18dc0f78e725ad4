package journal

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Object names an object.
type Object struct{ Resource, Name string }

func (o Object) String() string { return o.Resource + "/" + o.Name }

// State is one in which an object is, or may be. The zero value is that it does not exist.
type State struct {
	Exists bool
	// UID and Revision are empty while nobody has told them.
	UID      string
	Revision int64
	// Value is what the object's writer has put into it.
	Value string
	// Holds are what the object was given that nobody else may have, such as addresses.
	Holds []string
}

func (s State) String() string {
	if !s.Exists {
		return "absent"
	}
	text := fmt.Sprintf("%q", s.Value)
	if s.Revision != 0 {
		text += fmt.Sprintf(" of resourceVersion %d", s.Revision)
	}
	if s.UID != "" {
		text += " with UID " + s.UID
	}
	if len(s.Holds) > 0 {
		text += " with " + strings.Join(s.Holds, " ")
	}
	return text
}

// Counts are how writes ended.
type Counts struct{ Acknowledged, Unknown, Refused int }

// Journal is safe for concurrent use; each object has one writer, which makes one write after the other.
type Journal struct {
	mu sync.Mutex
	// The rest is guarded by mu.
	log     io.Writer
	now     func() time.Time
	shared  map[string]bool    // resources whose objects others change too
	objects map[Object][]State // what each may be; the first is what it most likely is
	highest int64
	writes  map[string][]Write // acknowledged ones that have a revision, by resource
	counts  Counts
	faults  []string
	news    chan struct{} // closed and replaced at each acknowledged write
	last    time.Time     // when the last request that was acknowledged began
}

// Write is an acknowledged one.
type Write struct {
	Object   Object
	Revision int64
}

// New makes an empty one. Objects of the shared resources are changed by others too, so only the value tells what their writer did.
func New(log io.Writer, now func() time.Time, shared ...string) *Journal {
	j := &Journal{log: log, now: now, shared: map[string]bool{}, objects: map[Object][]State{}, writes: map[string][]Write{}, news: make(chan struct{})}
	for _, resource := range shared {
		j.shared[resource] = true
	}
	return j
}

// Request is a write that has begun.
type Request struct {
	Object Object
	Wanted State
	began  time.Time
	floor  int64
}

// Begin is called before a write is sent.
func (j *Journal) Begin(o Object, wanted State) Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Request{Object: o, Wanted: wanted, began: j.now(), floor: j.highest}
}

// Acknowledged is told what a write was answered with. A revision of 0 was not told.
func (j *Journal) Acknowledged(r Request, got State) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counts.Acknowledged++
	j.write("acknowledged", r.Object, got)
	if got.Revision != 0 {
		if got.Revision <= r.floor {
			j.fault("%v was acknowledged as %v after resourceVersion %d was: it went back", r.Object, got, r.floor)
		}
		j.highest = max(j.highest, got.Revision)
		j.writes[r.Object.Resource] = append(j.writes[r.Object.Resource], Write{r.Object, got.Revision})
	}
	if got.Exists != r.Wanted.Exists || got.Value != r.Wanted.Value {
		j.fault("%v was to be %v and was acknowledged as %v", r.Object, r.Wanted, got)
	}
	j.objects[r.Object] = []State{got}
	j.givenOnce(r.Object, got)
	j.last = r.began
	close(j.news)
	j.news = make(chan struct{})
}

// givenOnce says who holds what another one has that certainly exists.
func (j *Journal) givenOnce(o Object, got State) {
	for other, may := range j.objects {
		if other == o || len(may) != 1 {
			continue
		}
		for _, held := range may[0].Holds {
			if slices.Contains(got.Holds, held) {
				j.fault("%s was given twice, to %v (%v) and to %v (%v)", held, other, may[0], o, got)
			}
		}
	}
}

// Unknown is told of a write without an answer: it may have been done, now or a little later.
func (j *Journal) Unknown(r Request, why error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counts.Unknown++
	j.write("unknown", r.Object, r.Wanted, why.Error())
	if len(j.objects[r.Object]) == 0 {
		j.objects[r.Object] = []State{{}}
	}
	j.objects[r.Object] = append(j.objects[r.Object], r.Wanted)
}

// Refused is told of a write that was certainly not done.
func (j *Journal) Refused(r Request, why error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counts.Refused++
	j.write("refused", r.Object, r.Wanted, why.Error())
}

// Read is told what was read of an object and says whether that may be. It is what the object most likely is from now on.
func (j *Journal) Read(o Object, got State) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	may := j.objects[o]
	if len(may) == 0 {
		may = []State{{}}
	}
	i := slices.IndexFunc(may, func(s State) bool { return j.is(o, s, got) })
	if i < 0 {
		j.write("lost", o, got)
		j.fault("%v is %v, and should be %v", o, got, may)
		j.objects[o] = []State{got}
		return false
	}
	rest := slices.Delete(slices.Clone(may), i, i+1)
	j.objects[o] = append([]State{got}, rest...)
	j.highest = max(j.highest, got.Revision)
	return true
}

// is says whether what was read is that state.
func (j *Journal) is(o Object, s, got State) bool {
	switch {
	case s.Exists != got.Exists || s.Value != got.Value:
		return false
	case s.UID != "" && s.UID != got.UID:
		return false
	case len(s.Holds) > 0 && !slices.Equal(s.Holds, got.Holds):
		return false
	case s.Revision != 0 && j.shared[o.Resource]:
		return got.Revision >= s.Revision
	}
	return s.Revision == 0 || s.Revision == got.Revision
}

// Now is what the object most likely is.
func (j *Journal) Now(o Object) State {
	j.mu.Lock()
	defer j.mu.Unlock()
	if may := j.objects[o]; len(may) > 0 {
		return may[0]
	}
	return State{}
}

// Objects are those of a resource that were ever written, by name.
func (j *Journal) Objects(resource string) []Object {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []Object
	for o := range maps.Keys(j.objects) {
		if o.Resource == resource {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b Object) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// List is told what all objects of a resource were read as at a revision, while nobody wrote.
func (j *Journal) List(resource string, revision int64, got map[string]State) {
	if highest := j.Highest(); revision < highest {
		j.Fault("%s were listed at resourceVersion %d after %d was told of: it went back", resource, revision, highest)
	}
	for _, o := range j.Objects(resource) {
		j.Read(o, got[o.Name])
	}
	for name, state := range got {
		if o := (Object{resource, name}); len(j.objectsOf(o)) == 0 {
			j.Fault("%v is %v, and nobody wrote it", o, state)
		}
	}
}

func (j *Journal) objectsOf(o Object) []State {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.objects[o]
}

// Highest is the highest revision that was told of.
func (j *Journal) Highest() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.highest
}

// Writes are the acknowledged ones of a resource.
func (j *Journal) Writes(resource string) []Write {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.writes[resource])
}

// Answered is closed when the next write is acknowledged; last is when the request of the last one began.
func (j *Journal) Answered() (news <-chan struct{}, last time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.news, j.last
}

// Counts are those up to now.
func (j *Journal) Counts() Counts {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.counts
}

// Fault notes what must not be.
func (j *Journal) Fault(format string, arguments ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fault(format, arguments...)
}

// Faults are those that were found since the last call.
func (j *Journal) Faults() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	found := j.faults
	j.faults = nil
	return found
}

func (j *Journal) fault(format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	j.faults = append(j.faults, text)
	j.line("FAULT " + text)
}

// Note writes a line to the log.
func (j *Journal) Note(format string, arguments ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.line(fmt.Sprintf(format, arguments...))
}

func (j *Journal) write(how string, o Object, s State, more ...string) {
	j.line(fmt.Sprintf("%-12s %v %v %s", how, o, s, strings.Join(more, " ")))
}

// line writes a line; a log that cannot be written is no log, which is a fault of the test's own machine.
func (j *Journal) line(text string) {
	if _, err := fmt.Fprintf(j.log, "%s %s\n", j.now().Format("15:04:05.000"), text); err != nil && j.log != io.Discard {
		j.log = io.Discard
		j.faults = append(j.faults, "the journal cannot be written: "+err.Error())
	}
}
