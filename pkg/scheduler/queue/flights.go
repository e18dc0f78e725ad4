package queue

import "k8s.io/apimachinery/pkg/types"

// maxEvents bounds the event log. A pod whose flight outlasts it is tried again whatever happened.
const maxEvents = 1 << 15

// flights is the log of events that happened while pods were in flight. It belongs to the queue's mutex.
type flights struct {
	events []event
	// base is the position of the first event in the log.
	base  int
	count int
	// trimAt is the log's length at which events that no pod in flight needs are dropped.
	trimAt int
}

// start begins a flight and returns the position of the first event that counts for it.
func (f *flights) start() int {
	f.count++
	return f.base + len(f.events)
}

// end ends a flight. pods are all pods, of which some are in flight.
func (f *flights) end(pods map[types.UID]*Pod) {
	if f.count--; f.count == 0 {
		f.base += len(f.events)
		f.events = nil
		return
	}
	if len(f.events) < max(f.trimAt, 1024) {
		return
	}
	oldest := f.base + len(f.events)
	for _, p := range pods {
		if p.place == inFlight {
			oldest = min(oldest, p.eventsFrom)
		}
	}
	f.drop(oldest - f.base)
	f.trimAt = 2 * len(f.events)
}

func (f *flights) record(e event) {
	if f.count == 0 {
		return
	}
	if len(f.events) >= maxEvents {
		f.drop(maxEvents / 2)
	}
	f.events = append(f.events, e)
}

func (f *flights) drop(n int) {
	if n <= 0 {
		return
	}
	f.events = append([]event(nil), f.events[n:]...)
	f.base += n
}

// since are the events from a position on; false when some of them have been dropped.
func (f *flights) since(position int) ([]event, bool) {
	if position < f.base {
		return nil, false
	}
	return f.events[position-f.base:], true
}
