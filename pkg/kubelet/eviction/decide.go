package eviction

import (
	"cmp"
	"slices"
	"time"
)

// Signal is what is observed of the node, named as in KubeletConfiguration.
type Signal string

// The signals.
const (
	MemoryAvailable   Signal = "memory.available"
	NodeFsAvailable   Signal = "nodefs.available"
	NodeFsInodesFree  Signal = "nodefs.inodesFree"
	ImageFsAvailable  Signal = "imagefs.available"
	ImageFsInodesFree Signal = "imagefs.inodesFree"
	PIDAvailable      Signal = "pid.available"
)

// Resource is what runs short.
type Resource string

// The resources, in the order in which their shortage is relieved: nobody outlives the lack of memory.
const (
	Memory    Resource = "memory"
	PIDs      Resource = "pids"
	Inodes    Resource = "inodes"
	DiskSpace Resource = "ephemeral-storage"
)

// Resource of the signal.
func (s Signal) Resource() Resource {
	switch s {
	case MemoryAvailable:
		return Memory
	case PIDAvailable:
		return PIDs
	case NodeFsInodesFree, ImageFsInodesFree:
		return Inodes
	}
	return DiskSpace
}

func order(r Resource) int { return slices.Index([]Resource{Memory, PIDs, Inodes, DiskSpace}, r) }

// Observation is one reading of a signal: bytes, inodes or processes.
type Observation struct{ Available, Capacity int64 }

// Threshold says when too little is available.
type Threshold struct {
	Signal Signal
	// Amount is what has to be available at a capacity.
	Amount func(capacity int64) int64
	// Grace is how long the threshold must have been met before pods are ended; 0 for a hard threshold, at which they get no
	// time to end.
	Grace time.Duration
	// Reclaim is how much more than Amount has to be available until the threshold counts as left; may be nil.
	Reclaim func(capacity int64) int64
}

// Hard says whether pods are ended at once.
func (t *Threshold) Hard() bool { return t.Grace == 0 }

// Pressure says what the node is short of.
type Pressure struct{ Memory, Disk, PID bool }

// Shortage is a threshold that has to be relieved.
type Shortage struct {
	Signal            Signal
	Hard              bool
	Amount, Available int64
}

// State is what is remembered between observations. It is owned by one goroutine.
type State struct {
	thresholds []Threshold
	// transition is how long a pressure is told after it has gone, so that it does not flap.
	transition time.Duration
	// since is when each threshold was met first, zero while it is not; last when each resource was short last.
	since []time.Time
	last  map[Resource]time.Time
}

// NewState starts without any pressure.
func NewState(thresholds []Threshold, transition time.Duration) *State {
	return &State{thresholds: thresholds, transition: transition, since: make([]time.Time, len(thresholds)), last: map[Resource]time.Time{}}
}

// Decide takes observations in. It says what the node is short of, and what has to be relieved now, the most urgent first.
// A signal that was not observed stays as it was.
func (s *State) Decide(now time.Time, observed map[Signal]Observation) (Pressure, []Shortage) {
	var due []Shortage
	for i := range s.thresholds {
		t := &s.thresholds[i]
		o, known := observed[t.Signal]
		if !known {
			continue
		}
		limit := t.Amount(o.Capacity)
		if !s.since[i].IsZero() && t.Reclaim != nil {
			limit += t.Reclaim(o.Capacity)
		}
		if o.Available >= limit {
			s.since[i] = time.Time{}
			continue
		}
		if s.since[i].IsZero() {
			s.since[i] = now
		}
		s.last[t.Signal.Resource()] = now
		if now.Sub(s.since[i]) >= t.Grace {
			due = append(due, Shortage{Signal: t.Signal, Hard: t.Hard(), Amount: t.Amount(o.Capacity), Available: o.Available})
		}
	}
	slices.SortStableFunc(due, func(a, b Shortage) int {
		if c := cmp.Compare(order(a.Signal.Resource()), order(b.Signal.Resource())); c != 0 {
			return c
		}
		// Of two thresholds of a signal the hard one is the worse.
		return -cmp.Compare(boolean(a.Hard), boolean(b.Hard))
	})
	return s.pressure(now), due
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (s *State) pressure(now time.Time) Pressure {
	short := func(r Resource) bool {
		last, ever := s.last[r]
		return ever && now.Sub(last) < max(s.transition, 1)
	}
	return Pressure{Memory: short(Memory), Disk: short(DiskSpace) || short(Inodes), PID: short(PIDs)}
}
