package control

import (
	"context"
	"sync"
	"time"

	"github.com/proa-sh/proa/pkg/cluster/steps"
)

// Phase is what the cluster does as a whole.
type Phase string

const (
	Starting Phase = "starting"
	Running  Phase = "running"
	Stopping Phase = "stopping"
	Stopped  Phase = "stopped"
)

// Message is one piece of news. Event or Phase is set.
type Message struct {
	Event *steps.Event `json:"event,omitempty"`
	Phase Phase        `json:"phase,omitempty"`
	// After is the time from the start of the server to this phase.
	After time.Duration `json:"after,omitempty"`
	// Note is a line for people, such as a warning.
	Note string `json:"note,omitempty"`
	// Takes is how long what the note tells of may take; whoever waits for the end waits so much longer.
	Takes time.Duration `json:"takes,omitempty"`
	// Error says why the cluster stopped, with Stopped.
	Error string `json:"error,omitempty"`
}

// Timeline keeps the messages. They are as many as the cluster has steps, times their states; a repeated state of a
// step that has been started already is not possible, so it is bounded.
type Timeline struct {
	began time.Time

	mu       sync.Mutex
	messages []Message     // guarded by mu
	phase    Phase         // guarded by mu
	news     chan struct{} // guarded by mu; closed and replaced at each message
	closed   bool          // guarded by mu; after the last message
}

// NewTimeline begins now, in phase Starting.
func NewTimeline() *Timeline {
	return &Timeline{began: time.Now(), phase: Starting, news: make(chan struct{})}
}

// Began is when the timeline began.
func (t *Timeline) Began() time.Time { return t.began }

// Event adds what became of a step.
func (t *Timeline) Event(e steps.Event) { t.add(Message{Event: &e}) }

// Note adds a line for people.
func (t *Timeline) Note(text string) { t.add(Message{Note: text}) }

// NoteOf adds a line for people about something that may take a while.
func (t *Timeline) NoteOf(text string, takes time.Duration) { t.add(Message{Note: text, Takes: takes}) }

// Enter adds a new phase. After Stopped nothing may be added; err is why, and may be nil.
func (t *Timeline) Enter(phase Phase, err error) {
	m := Message{Phase: phase, After: time.Since(t.began)}
	if err != nil {
		m.Error = err.Error()
	}
	t.add(m)
}

func (t *Timeline) add(m Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.messages = append(t.messages, m)
	if m.Phase != "" {
		t.phase = m.Phase
		t.closed = m.Phase == Stopped
	}
	close(t.news)
	t.news = make(chan struct{})
}

// Phase is the present one.
func (t *Timeline) Phase() Phase {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.phase
}

// from gives the messages after the first n, a channel that is closed when there are more, and whether there can be.
func (t *Timeline) from(n int) (messages []Message, news <-chan struct{}, last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.messages[n:len(t.messages):len(t.messages)], t.news, t.closed
}

// Follow calls fn with every message from the beginning until the cluster has stopped, fn returns false or ctx ends.
func (t *Timeline) Follow(ctx context.Context, fn func(Message) bool) {
	seen := 0
	for {
		messages, news, last := t.from(seen)
		for _, m := range messages {
			if !fn(m) {
				return
			}
		}
		seen += len(messages)
		if last {
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
	}
}
