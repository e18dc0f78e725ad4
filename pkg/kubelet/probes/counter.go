package probes

import v1 "k8s.io/api/core/v1"

// counter turns single results into verdicts: a change needs as many equal results in a row as its threshold says.
type counter struct {
	success, failure int32
	// last result and how often it came in a row.
	last bool
	run  int32
}

func newCounter(p *v1.Probe) *counter {
	return &counter{success: max(p.SuccessThreshold, 1), failure: max(p.FailureThreshold, 1)}
}

// add counts one result. passed says that its threshold is reached; then ok is the verdict.
func (c *counter) add(ok bool) (passed bool) {
	if c.run == 0 || c.last != ok {
		c.last, c.run = ok, 0
	}
	c.run++
	if ok {
		return c.run >= c.success
	}
	return c.run >= c.failure
}
