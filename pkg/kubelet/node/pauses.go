package node

import "time"

// pauses are growing intervals between attempts.
type pauses struct{ first, last, current time.Duration }

func newPauses(first, last time.Duration) *pauses { return &pauses{first: first, last: last} }

// next is the interval to wait now: first, then twice the one before, at most last.
func (p *pauses) next() time.Duration {
	if p.current == 0 {
		p.current = p.first
	} else {
		p.current = min(2*p.current, p.last)
	}
	return p.current
}

// reset starts again with the first.
func (p *pauses) reset() { p.current = 0 }
