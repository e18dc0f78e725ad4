package cluster

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
	mu       sync.Mutex
	checks   map[string]func(context.Context) error       // guarded by mu; by the name of the part's step
	overview func(context.Context, *control.Status) error // guarded by mu; nil before there is an API server
}

// Check has a part asked, whenever somebody wants to know, why it does not work. A check that does not heed its context is
// not waited for.
func (e *Environment) Check(step string, check func(context.Context) error) {
	e.health.mu.Lock()
	defer e.health.mu.Unlock()
	if e.health.checks == nil {
		e.health.checks = map[string]func(context.Context) error{}
	}
	e.health.checks[step] = check
}

// Overview has nodes and pods filled into the status.
func (e *Environment) Overview(fill func(context.Context, *control.Status) error) {
	e.health.mu.Lock()
	defer e.health.mu.Unlock()
	e.health.overview = fill
}

// status answers over the socket.
func (e *Environment) status(ctx context.Context) control.Status {
	status := control.Status{Pid: os.Getpid(), Began: e.Timeline.Began(), Version: e.Config.Version.String(), Server: e.Config.ServerURL(), Parts: map[string]string{}}
	if e.Timeline.Phase() != control.Running {
		return status
	}
	e.health.mu.Lock()
	checks, overview := maps.Clone(e.health.checks), e.health.overview
	e.health.mu.Unlock()
	status.Parts = askAll(ctx, checks)
	if overview == nil {
		return status
	}
	if err := overview(ctx, &status); err != nil {
		status.Node = &control.Node{Name: e.Config.NodeName, Fault: err.Error()}
	}
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
