package worker

import (
	"time"

	v1 "k8s.io/api/core/v1"
)

// correctAfter is how long a status that somebody else has changed stands before it is put right. Who changes one (a test, a
// repair by hand) gets to see it; kubelets have always looked for such changes every ten seconds only.
const correctAfter = 10 * time.Second

// published is what the API has been told of a pod.
type published struct {
	// status is what it took last; nil before.
	status *v1.PodStatus
	// version is the resource version that came of it. The API may not keep every field; writing the same again to the same
	// object would never end.
	version string
	// disputed is since when the API has had something else by somebody else's doing; zero if it has not.
	disputed time.Time
}

// due says whether the API, which has known, is to be told status now, or else when to look again.
func (p *published) due(cfg *Config, known *v1.Pod, status *v1.PodStatus, now time.Time) (bool, time.Time) {
	settled := p.status != nil && p.version == known.ResourceVersion && !cfg.Changed(p.status, status)
	switch {
	case settled || !cfg.Changed(&known.Status, status):
		p.disputed = time.Time{}
		return false, time.Time{}
	case p.status == nil || !cfg.Repeats(p.status, status):
		return true, time.Time{}
	case p.disputed.IsZero():
		p.disputed = now
	}
	if at := p.disputed.Add(correctAfter); now.Before(at) {
		return false, at
	}
	return true, time.Time{}
}

// took notes that the API took a status.
func (p *published) took(status *v1.PodStatus, version string) {
	*p = published{status: status, version: version}
}
