package domains

import "maps"

// Domain is a topology domain: all nodes with one value of a label.
type Domain struct {
	Key, Value string
}

// Counts are numbers by domain. An overlay holds differences to other counts, which it does not change.
type Counts struct {
	own  map[Domain]int64
	base *Counts
}

// NewCounts are all zero.
func NewCounts() *Counts { return &Counts{own: map[Domain]int64{}} }

// Add adds to a domain's number.
func (c *Counts) Add(d Domain, n int64) {
	if c.own[d] += n; c.own[d] == 0 {
		delete(c.own, d)
	}
}

// Get is a domain's number.
func (c *Counts) Get(d Domain) int64 {
	n := c.own[d]
	if c.base != nil {
		n += c.base.Get(d)
	}
	return n
}

// Empty tells whether all numbers are zero.
func (c *Counts) Empty() bool {
	if c.base == nil {
		return len(c.own) == 0
	}
	if len(c.own) == 0 {
		return c.base.Empty()
	}
	left := len(c.base.own)
	for d, n := range c.own {
		of := c.base.Get(d)
		if of+n != 0 {
			return false
		}
		if of != 0 {
			left--
		}
	}
	return left == 0
}

// Reset makes all numbers zero.
func (c *Counts) Reset() { clear(c.own) }

// Overlay is a copy that costs nothing. The receiver must not change while it is in use.
func (c *Counts) Overlay() *Counts {
	if c.base != nil {
		return &Counts{own: maps.Clone(c.own), base: c.base}
	}
	return &Counts{own: map[Domain]int64{}, base: c}
}
