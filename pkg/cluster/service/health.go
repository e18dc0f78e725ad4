package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"time"

	"github.com/proa-sh/proa/pkg/cluster/control"
)

// answerWithin is how long a part may take to say how it is.
const answerWithin = 2 * time.Second

// health knows how to find out how each part is.
type health struct {
	mu     sync.Mutex
	checks map[string]func(context.Context) error // guarded by mu; by the name of the part's step
}

// Check has a part asked, whenever somebody wants to know, why it does not work. A check that does not heed its context is
// not waited for; nil takes the part's check away.
func (s *Service) Check(step string, check func(context.Context) error) {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	if s.health.checks == nil {
		s.health.checks = map[string]func(context.Context) error{}
	}
	if check == nil {
		delete(s.health.checks, step)
		return
	}
	s.health.checks[step] = check
}

// status answers over the socket.
func (s *Service) status(ctx context.Context) control.Status {
	status := control.Status{Pid: os.Getpid(), Began: s.Timeline.Began(), Phase: s.Timeline.Phase(), Parts: map[string]string{}}
	if s.Describe != nil {
		s.Describe(ctx, &status)
	}
	if status.Phase != control.Running {
		return status
	}
	s.health.mu.Lock()
	checks := maps.Clone(s.health.checks)
	s.health.mu.Unlock()
	status.Parts = askAll(ctx, checks)
	return status
}

// askAll asks all parts at the same time.
func askAll(ctx context.Context, checks map[string]func(context.Context) error) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	type answer struct {
		part string
		err  error
	}
	answers := make(chan answer, len(checks))
	for part, check := range checks {
		go func() { answers <- answer{part, check(ctx)} }()
	}
	parts := map[string]string{}
	for part := range checks {
		parts[part] = fmt.Sprintf("it does not answer within %v", answerWithin)
	}
	for range checks {
		select {
		case a := <-answers:
			parts[a.part] = ""
			if a.err != nil {
				parts[a.part] = reason(a.err)
			}
		case <-ctx.Done():
			return parts
		}
	}
	return parts
}

func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("it does not answer within %v", answerWithin)
	}
	return err.Error()
}
