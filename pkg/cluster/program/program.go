package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/cluster/logfile"
	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/pkg/killpoint"
)

const (
	// startTimeout is far more than a program takes until it serves.
	startTimeout = 60 * time.Second
	// A program that dies is started again after firstBackoff, doubled each time up to maxBackoff; one that has lived for
	// healthyAfter begins anew.
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 30 * time.Second
	healthyAfter = time.Minute
	// settled is how long a program must live at first that has no way to say that it serves.
	settled = 10 * time.Second
	// maxLog is the size at which the log is put aside, in bytes; its size is looked at every checkLog.
	maxLog   = 16 << 20
	checkLog = time.Hour
)

// Config is one program.
type Config struct {
	Path string
	Args []string
	// Env is added to the environment of this process.
	Env []string
	// LogFile gets what the program says.
	LogFile string
	// Mark is carried by the program and all that it starts (package process). With the name of the program it tells it from
	// others.
	Mark string
	// StopGrace is how long the program may take to end before it is killed.
	StopGrace time.Duration
	// Identity is what, beside path, arguments and environment, makes two starts of the program the same, such as what is in its
	// configuration file.
	Identity string
	// Answers returns when a program that runs serves, or with why it does not. With it, one that a killed process of ours has left
	// behind is taken over if it is the same; without it, it is ended.
	Answers func(ctx context.Context) error
	// GoesOn says, when ctx has ended, that the program is not to end, for the next process of ours takes it over; nil is no.
	GoesOn func() bool
	// Serving makes, for each start, additions to the environment and a function that returns when the program serves or ctx
	// ends; nil means that it serves as soon as it runs, and that one which ends soon after has never served.
	Serving func() (env []string, wait func(ctx context.Context) error, err error)
}

// Program is a supervised process.
type Program struct {
	cfg   Config
	ready chan struct{}

	mu      sync.Mutex
	pid     int   // guarded by mu; of the program while it serves, or 0
	lastErr error // guarded by mu; why the program does not serve, nil while it does
}

// New makes a program that does not run yet.
func New(cfg Config) *Program {
	return &Program{cfg: cfg, ready: make(chan struct{}), lastErr: errors.New("not started yet")}
}

func (p *Program) name() string { return filepath.Base(p.cfg.Path) }

// Ready is closed when the program has served for the first time.
func (p *Program) Ready() <-chan struct{} { return p.ready }

// Pid is the program's while it serves, or 0.
func (p *Program) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid
}

// Healthy says why the program does not serve at present, or nil.
func (p *Program) Healthy() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lastErr != nil {
		return fmt.Errorf("%s does not run: %w", p.name(), p.lastErr)
	}
	return nil
}

func (p *Program) setState(pid int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pid, p.lastErr = pid, err
}

// Run keeps the program running until ctx ends, then stops it. One that has never served is an error; one that dies later is
// started again.
func (p *Program) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx)
	former, err := p.takeOver(ctx)
	if err != nil {
		return err
	}
	served := sync.OnceFunc(func() { close(p.ready) })
	backoff, first := firstBackoff, true
	for {
		began := time.Now()
		var err error
		if former != nil {
			err = p.attend(ctx, *former, served)
			former = nil
		} else {
			err = p.runOnce(ctx, served)
		}
		if ctx.Err() != nil {
			p.setState(0, errors.New("stopped"))
			return err
		}
		p.setState(0, err)
		select {
		case <-p.ready:
		default:
			return err
		}
		if first && p.cfg.Serving == nil && time.Since(began) < settled {
			return err
		}
		first = false
		if time.Since(began) >= healthyAfter {
			backoff = firstBackoff
		}
		backoff = killpoint.Pause(backoff)
		logger.Error(err, "Program ended, starting it again", "program", p.name(), "after", backoff)
		timer := time.NewTimer(backoff)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// runOnce starts the program and returns when it has ended, which is an error unless ctx has. served is called when it
// serves.
func (p *Program) runOnce(ctx context.Context, served func()) error {
	env, wait := []string(nil), func(context.Context) error { return nil }
	if p.cfg.Serving != nil {
		var err error
		if env, wait, err = p.cfg.Serving(); err != nil {
			return err
		}
	}
	waiting, cancel := context.WithTimeout(ctx, startTimeout)
	cmd, err := p.start(env)
	if err != nil {
		cancel()
		return errors.Join(err, ignoreCancel(wait(waiting)))
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	serves := make(chan error, 1)
	go func() { serves <- wait(waiting) }()
	defer func() {
		cancel()
		if serves != nil {
			<-serves
		}
	}()
	return p.follow(ctx, cmd, ended, &serves, served)
}

// follow looks after a program until it has ended. serves becomes nil when its answer has come.
func (p *Program) follow(ctx context.Context, cmd *exec.Cmd, ended <-chan error, serves *chan error, served func()) error {
	check := time.NewTicker(checkLog)
	defer check.Stop()
	for {
		select {
		case <-check.C:
			p.shortenLog(ctx)
		case err := <-*serves:
			*serves = nil
			if err != nil && ctx.Err() == nil {
				return errors.Join(p.explain(fmt.Errorf("%s has not come up in %v", p.name(), startTimeout)), p.stop(cmd, ended))
			}
			if err == nil {
				p.setState(cmd.Process.Pid, nil)
				served()
			}
		case err := <-ended:
			return p.explain(fmt.Errorf("%s ended: %w", p.name(), exitError(err)))
		case <-ctx.Done():
			if p.goesOn() {
				return nil
			}
			return p.stop(cmd, ended)
		}
	}
}

func (p *Program) shortenLog(ctx context.Context) {
	if err := logfile.Shorten(p.cfg.LogFile, maxLog); err != nil {
		klog.FromContext(ctx).Error(err, "The log of a program grows on", "program", p.name())
	}
}

// ignoreCancel is for a wait that was broken off.
func ignoreCancel(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// exitError makes an error of a good exit too, for nobody has asked for it.
func exitError(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// start runs the program in a session of its own: a key pressed at our terminal must not reach it.
func (p *Program) start(env []string) (*exec.Cmd, error) {
	if err := logfile.Shorten(p.cfg.LogFile, maxLog); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(p.cfg.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", p.name(), err)
	}
	defer log.Close()
	cmd := exec.Command(p.cfg.Path, p.cfg.Args...)
	// What this process was told to notify is not for others.
	cmd.Env = slices.Concat(os.Environ(), []string{"NOTIFY_SOCKET=", process.MarkEnv(p.cfg.Mark), p.identityEnv()}, p.cfg.Env, env)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name(), err)
	}
	return cmd, nil
}

// stop asks the program to end and waits for it.
func (p *Program) stop(cmd *exec.Cmd, ended <-chan error) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name(), err)
	}
	timer := time.NewTimer(p.cfg.StopGrace)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
	}
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name(), err)
	}
	<-ended
	return nil
}
