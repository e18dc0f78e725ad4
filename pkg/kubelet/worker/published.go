package worker

import (
	"time"

	v1 "k8s.io/api/core/v1"
)

// correctAfter is how long a status that somebody else has changed stands before it is put right. Who changes one (a test, a
// repair by hand) gets to see it; kubelets have always looked for such changes every ten seconds only.
const correctAfter = 10 * time.Second

// replacedWithin is how long the end of a container waits for the start of the one that takes its place because the pod was
// changed: as long as kubelets that look at containers once a second take to notice either.
const replacedWithin = time.Second

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

// due says whether the API, which has known, is to be told status now, or else when to look again. News goes out at once, over
// whatever somebody else has written; only while containers are being replaced it waits until quiet, when they should be there
// again, unless the pod ends.
func (p *published) due(cfg *Config, known *v1.Pod, status *v1.PodStatus, ending bool, quiet, now time.Time) (bool, time.Time) {
	settled := p.status != nil && p.version == known.ResourceVersion && !cfg.Changed(p.status, status)
	if settled || !cfg.Changed(&known.Status, status) {
		p.disputed = time.Time{}
		return false, time.Time{}
	}
	if p.status == nil || !cfg.Repeats(p.status, status) {
		if !ending && p.status != nil && now.Before(quiet) {
			return false, quiet
		}
		return true, time.Time{}
	}
	if p.disputed.IsZero() {
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

// quietUntil is until when containers that are stopped because the pod was changed may be replaced before the API hears of
// it; zero when there are none.
func (s *State) quietUntil() time.Time {
	var until time.Time
	for i := range s.Pod.Spec.Containers {
		latest := s.Observed.Latest(s.Pod.Spec.Containers[i].Name)
		if latest == nil {
			continue
		}
		i := s.instances[latest.ID]
		if i == nil || i.kill == nil || !i.kill.planned {
			continue
		}
		if end := i.kill.began.Add(replacedWithin); end.After(until) {
			until = end
		}
	}
	return until
}
