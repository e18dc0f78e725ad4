package service

import (
	"context"
	"time"

	"github.com/proa-sh/proa/pkg/cluster/program"
	"github.com/proa-sh/proa/pkg/cluster/steps"
)

// programGrace is how long a program may take to end before it is killed: less than a step may take to stop.
const programGrace = 4 * time.Second

// RunProgram runs a program as the work of a step and returns when it serves.
func (s *Service) RunProgram(ctx context.Context, task *steps.Task, step string, cfg program.Config) error {
	cfg.StopGrace = programGrace
	p := program.New(cfg)
	s.Check(step, func(context.Context) error { return p.Healthy() })
	return task.GoUntil(ctx, p.Ready(), p.Run)
}
