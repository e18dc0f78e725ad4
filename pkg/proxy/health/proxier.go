package health

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Proxier is the state of the proxy. It is safe for concurrent use.
type Proxier struct {
	// patience is how long changes may wait to be written.
	patience time.Duration

	mu sync.Mutex
	// queuedSince is when the oldest change came that is waiting, takenSince when
	// the oldest came of those being written; zero if there are none. lastWrite is
	// when a write ended.
	queuedSince, takenSince, lastWrite time.Time
	nodeLeaving                        bool
}

// NewProxier returns the state of a proxy that is unhealthy when changes wait longer
// than patience.
func NewProxier(patience time.Duration) *Proxier { return &Proxier{patience: patience} }

// Queued notes that there is something to write.
func (p *Proxier) Queued() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queuedSince.IsZero() {
		p.queuedSince = time.Now()
	}
}

// Taken notes that everything queued before is being written.
func (p *Proxier) Taken() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.takenSince.IsZero() {
		p.takenSince = p.queuedSince
	}
	p.queuedSince = time.Time{}
}

// Written notes that everything taken is in the kernel.
func (p *Proxier) Written() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takenSince, p.lastWrite = time.Time{}, time.Now()
}

// SetNodeLeaving notes whether the node is being taken out of the cluster.
func (p *Proxier) SetNodeLeaving(leaving bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nodeLeaving = leaving
}

// Healthy says whether changes are written in time.
func (p *Proxier) Healthy() bool {
	status := p.status()
	return status.healthy
}

type status struct {
	healthy, eligible      bool
	lastUpdated, checkedAt time.Time
}

func (p *Proxier) status() status {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	s := status{healthy: true, eligible: !p.nodeLeaving, lastUpdated: now, checkedAt: now}
	oldest := p.takenSince
	if oldest.IsZero() {
		oldest = p.queuedSince
	}
	switch {
	case p.lastWrite.IsZero():
		// Nothing was ever written: not started yet.
		s.lastUpdated, s.healthy = time.Time{}, false
	case !oldest.IsZero():
		s.lastUpdated = p.lastWrite
		s.healthy = now.Sub(oldest) < p.patience
	}
	return s
}

// Handler serves /healthz and /livez.
func (p *Proxier) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		s := p.status()
		answer(w, s.healthy && s.eligible, map[string]any{
			"lastUpdated": s.lastUpdated.String(), "currentTime": s.checkedAt.String(), "nodeEligible": s.eligible,
		})
	})
	mux.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) {
		s := p.status()
		answer(w, s.healthy, map[string]any{
			"lastUpdated": s.lastUpdated.String(), "currentTime": s.checkedAt.String(),
		})
	})
	return mux
}

func answer(w http.ResponseWriter, good bool, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if good {
		w.WriteHeader(http.StatusOK)
	} else {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	// A client that has gone away is nobody's error.
	_ = json.NewEncoder(w).Encode(body)
}

// Idle says whether everything queued is in the kernel.
func (p *Proxier) Idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queuedSince.IsZero() && p.takenSince.IsZero() && !p.lastWrite.IsZero()
}
