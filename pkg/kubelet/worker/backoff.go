package worker

import "time"

// Limits of the waiting time before a crashed container is started again.
const (
	crashInitial = 10 * time.Second
	// CrashMax is the longest wait, unless configured shorter.
	CrashMax = 300 * time.Second
	// crashReset: a container that ran for so long starts from zero.
	crashReset = 10 * time.Minute
)

// crash is the restart back-off of one container.
type crash struct {
	// instance is the exit that was counted last.
	instance string
	// delay is what the next exit will wait; zero before the first.
	delay time.Duration
	// restartAt is when the container may start after that exit.
	restartAt time.Time
	// waited is the delay that led to restartAt, shown to users.
	waited time.Duration
}

// exited counts an exit once: the first restarts at once, then the wait doubles from 10 seconds to limit.
func (c crash) exited(instance string, finished time.Time, limit time.Duration) crash {
	if c.instance == instance {
		return c
	}
	if c.instance != "" && finished.Sub(c.restartAt) > crashReset {
		c = crash{}
	}
	next := crash{instance: instance, waited: c.delay, restartAt: finished.Add(c.delay)}
	switch {
	case c.delay == 0:
		next.delay = min(crashInitial, limit)
	default:
		next.delay = min(2*c.delay, limit)
	}
	return next
}

// retry paces an action that failed.
type retry struct {
	at    time.Time
	delay time.Duration
	// id is the instance or sandbox that the action is about; with it the wait is forgotten.
	id string
}

// pace is the first and the longest wait after a failure.
type pace struct{ first, max time.Duration }

// paceOf says how fast a failed action is tried again. Changes of what it depends on cut the wait short.
func paceOf(k Kind) pace {
	switch k {
	case PullImage:
		return pace{10 * time.Second, 300 * time.Second}
	case GrantResources:
		return pace{3 * time.Second, 30 * time.Second}
	case CreateSandbox:
		return pace{time.Second, 15 * time.Second}
	case StartContainer:
		return pace{2 * time.Second, 15 * time.Second}
	case MountVolumes, RefreshVolumes, UnmountVolumes:
		return pace{500 * time.Millisecond, 60 * time.Second}
	case StopContainer, StopSandbox, RemoveSandbox, RemoveContainer, RemoveCgroup:
		return pace{500 * time.Millisecond, 15 * time.Second}
	}
	return pace{200 * time.Millisecond, 10 * time.Second}
}

// failed is when to try again after another failure. One that comes long after the wait for the last was over is a first one.
func (r retry) failed(now time.Time, a Action) retry {
	p := paceOf(a.Kind)
	delay := p.first
	if r.delay > 0 && (r.at.IsZero() || now.Sub(r.at) <= 2*p.max) {
		delay = min(2*r.delay, p.max)
	}
	return retry{at: now.Add(delay), delay: delay, id: a.ID}
}

// isRepeated says of an action whose success is seen in the runtime only that it is paced even if it succeeds: if the runtime
// then says that nothing came of it, it is tried again as if it had failed, and not without pause.
func isRepeated(k Kind) bool {
	switch k {
	case CreateSandbox, StopContainer, StopSandbox, RemoveContainer, RemoveSandbox:
		return true
	}
	return false
}

// minRefresh is the least time between two refreshes of volumes that are due by the clock.
const minRefresh = time.Second

// refreshTime is when volumes are refreshed next, never at once: a time that has passed would come again and again.
func refreshTime(due, now time.Time) time.Time {
	if soonest := now.Add(minRefresh); !due.IsZero() && due.Before(soonest) {
		return soonest
	}
	return due
}
