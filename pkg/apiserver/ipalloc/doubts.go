package ipalloc

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// InFlight is how long a write whose answer did not come may still be stored: etcd gives up a request after 5 s and two
// election timeouts, 7 s by default.
const InFlight = 10 * time.Second

// SettleTimeout bounds the time in which what a write took is looked for and given back.
const SettleTimeout = 5 * time.Second

// maxDoubts bounds how many writes are remembered; what is taken for others the repair of addresses and ports finds.
const maxDoubts = 1000

// A Doubt is a write of a service whose answer did not come: nobody knows whether it was stored, with what it took.
type Doubt struct {
	Owner  Owner
	Leases []Lease
	Ports  []int32
	Since  time.Time
}

// Doubts are the writes of this server in doubt. They are settled by a look at what is stored: at once when that has what was
// taken, else when the write can be stored no more.
type Doubts struct {
	// Settle releases what a write took and the stored service does not have. It is not sure before the write can be stored no
	// more; then it releases nothing, and reports whether the stored service has all of it.
	Settle func(ctx context.Context, d Doubt, sure bool) (settled bool, err error)
	// Added holds one mark that there is something to look at.
	Added chan struct{}

	mu  sync.Mutex
	all []Doubt // guarded by mu
}

// NewDoubts returns none.
func NewDoubts() *Doubts { return &Doubts{Added: make(chan struct{}, 1)} }

// Add remembers a write.
func (d *Doubts) Add(x Doubt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) >= maxDoubts {
		return
	}
	d.all = append(d.all, x)
	select {
	case d.Added <- struct{}{}:
	default:
	}
}

// TakePort hands a port in doubt to another write of the same service: only one of the two can be stored, and both have it.
func (d *Doubts) TakePort(owner Owner, port int32) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, x := range d.all {
		if at := slices.Index(x.Ports, port); x.Owner == owner && at >= 0 {
			d.all[i].Ports = slices.Delete(slices.Clone(x.Ports), at, at+1)
			return true
		}
	}
	return false
}

// Len is how many there are.
func (d *Doubts) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.all)
}

// Look settles what can be settled now, and says when to look again, not at all if 0. Meanwhile nobody else is handed a port
// of those that it looks at.
func (d *Doubts) Look(ctx context.Context, now time.Time) (again time.Duration, err error) {
	d.mu.Lock()
	all := d.all
	d.all = nil
	d.mu.Unlock()
	var left []Doubt
	var errs []error
	for _, x := range all {
		wait := x.Since.Add(InFlight).Sub(now)
		settled, err := d.settle(ctx, x, wait <= 0)
		if err == nil && settled {
			continue
		}
		errs = append(errs, err)
		left = append(left, x)
		if err == nil && (again == 0 || wait < again) {
			again = max(wait, time.Millisecond)
		}
	}
	d.mu.Lock()
	d.all = append(left, d.all...)
	d.mu.Unlock()
	return again, errors.Join(errs...)
}

// settle bounds the time of one: storage may not answer at all.
func (d *Doubts) settle(ctx context.Context, x Doubt, sure bool) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, SettleTimeout)
	defer cancel()
	return d.Settle(ctx, x, sure)
}
