package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"sync"
	"sync/atomic"

	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/steps"
)

// Service is one process. The exported fields are set before Run.
type Service struct {
	// Socket is where it is asked, StacksFile where it writes what keeps a step that does not stop.
	Socket, StacksFile string
	// Timeline gets the news. Whoever calls Run has entered nothing into it but notes.
	Timeline *control.Timeline
	// Describe makes the status, of which Phase and Parts are filled in afterwards; nil leaves it at that.
	Describe func(context.Context, *control.Status)
	// Nodes does what is asked for with nodes; nil refuses.
	Nodes control.Nodes

	health health
	// endPods is whether the pods end with the process, asked whether somebody has asked for its end.
	endPods, asked atomic.Bool

	hurryMu sync.Mutex
	now     chan struct{} // guarded by hurryMu, made on first use; closed when nobody waits for pods any more
}

// Now is closed when somebody wants the pods to end at once.
func (s *Service) Now() <-chan struct{} {
	s.hurryMu.Lock()
	defer s.hurryMu.Unlock()
	if s.now == nil {
		s.now = make(chan struct{})
	}
	return s.now
}

func (s *Service) hurry() {
	now := s.Now()
	s.hurryMu.Lock()
	defer s.hurryMu.Unlock()
	select {
	case <-now:
	default:
		close(s.now)
	}
}

// EndsPods says whether somebody has asked for the pods to be ended too.
func (s *Service) EndsPods() bool { return s.endPods.Load() }

// Asked says whether the process ends because somebody wanted it to, and not because a part could not go on.
func (s *Service) Asked() bool { return s.asked.Load() }

// Run serves the control socket and runs the steps until ctx ends, one of them fails, or somebody asks for the end. It says
// whether all of them had started.
func (s *Service) Run(ctx context.Context, list []steps.Step) (started bool, err error) {
	outer := ctx
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	listener, err := control.Listen(s.Socket)
	if err != nil {
		return false, err
	}
	server := &control.Server{Timeline: s.Timeline, Status: s.status, Nodes: s.Nodes, Stop: func(how control.How) {
		if how.Pods {
			s.endPods.Store(true)
		}
		if how.Now {
			s.hurry()
		}
		s.asked.Store(true)
		stop()
	}}
	socketCtx, closeSocket := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(socketCtx, listener)
		stop() // a process that cannot be asked must not run
	}()
	noteStopping := context.AfterFunc(ctx, func() { s.Timeline.Enter(control.Stopping, nil) })
	defer noteStopping()
	err = steps.Run(ctx, list, steps.Hooks{
		Context: func(ctx context.Context, step string) context.Context {
			return klog.NewContext(ctx, klog.FromContext(ctx).WithName(step))
		},
		Event: func(event steps.Event) { s.tell(ctx, event) },
		Started: func() {
			started = true
			s.Timeline.Enter(control.Running, nil)
		},
	})
	if outer.Err() != nil {
		s.asked.Store(true)
	}
	// Before the socket closes, so that followers see it.
	s.Timeline.Enter(control.Stopped, err)
	closeSocket()
	return started, errors.Join(err, <-served)
}

func (s *Service) tell(ctx context.Context, event steps.Event) {
	klog.FromContext(ctx).V(2).Info("Step", "step", event.Step, "state", event.State, "took", event.Took)
	s.Timeline.Event(event)
	if event.State == steps.Left {
		s.noteStacks(event.Step)
	}
}

// noteStacks writes down what every goroutine does, for whoever wants to know why a step did not stop.
func (s *Service) noteStacks(step string) {
	file, err := os.Create(s.StacksFile)
	if err == nil {
		err = errors.Join(pprof.Lookup("goroutine").WriteTo(file, 1), file.Close())
	}
	if err != nil {
		s.Timeline.Note(fmt.Sprintf("What %s still does could not be written down: %v", step, err))
		return
	}
	s.Timeline.Note(fmt.Sprintf("What %s still does is in %s", step, file.Name()))
}
