package containerd

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
)

const (
	// startTimeout is far more than a daemon with many containers takes.
	startTimeout = 60 * time.Second
	// stopGrace is how long the daemon may take to end before it is killed.
	stopGrace = 3 * time.Second
	// A daemon that dies is started again after firstBackoff, doubled each time up to maxBackoff; one that has lived for
	// healthyAfter begins anew.
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 30 * time.Second
	healthyAfter = time.Minute
	// maxLog is the size at which the log is put aside, in bytes; its size is looked at every checkLog.
	maxLog   = 16 << 20
	checkLog = time.Hour
)

// Daemon is a supervised containerd.
type Daemon struct {
	cfg   Config
	ready chan struct{}

	mu      sync.Mutex
	pid     int   // guarded by mu; of the running daemon, or 0
	lastErr error // guarded by mu; why the daemon does not run, nil while it does
}

// New checks the configuration, makes the directories and writes the daemon's configuration file.
func New(cfg Config) (*Daemon, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure containerd: %w", err)
	}
	for _, program := range []string{"containerd", "containerd-shim-runc-v2"} {
		if _, err := os.Stat(filepath.Join(cfg.BinDir, program)); err != nil {
			return nil, fmt.Errorf("find %s (make it with `make tools`): %w", program, err)
		}
	}
	for _, dir := range []string{cfg.Root, cfg.State, filepath.Dir(cfg.LogFile), cfg.CNIConfDir, cfg.CertsDir} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return nil, fmt.Errorf("make directory for containerd: %w", err)
		}
	}
	content, err := cfg.render()
	if err != nil {
		return nil, fmt.Errorf("write containerd's configuration: %w", err)
	}
	if err := os.WriteFile(cfg.configFile(), content, 0o600); err != nil {
		return nil, fmt.Errorf("write containerd's configuration: %w", err)
	}
	return &Daemon{cfg: cfg, ready: make(chan struct{}), lastErr: errors.New("not started yet")}, nil
}

// Config is what the daemon was made with.
func (d *Daemon) Config() Config { return d.cfg }

// Ready is closed when the daemon has served for the first time.
func (d *Daemon) Ready() <-chan struct{} { return d.ready }

// Healthy says why the daemon does not serve at present, or nil.
func (d *Daemon) Healthy() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lastErr != nil {
		return fmt.Errorf("containerd does not run: %w", d.lastErr)
	}
	return nil
}

func (d *Daemon) setState(pid int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pid, d.lastErr = pid, err
}

// Run keeps the daemon running until ctx ends, then stops it. Containers go on. A daemon that has never served is an
// error, with the end of its log; one that dies later is started again.
func (d *Daemon) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx)
	if err := d.stopFormer(ctx); err != nil {
		return err
	}
	served := sync.OnceFunc(func() { close(d.ready) })
	backoff := firstBackoff
	for {
		began := time.Now()
		err := d.runOnce(ctx, served)
		if ctx.Err() != nil {
			d.setState(0, errors.New("stopped"))
			return err
		}
		d.setState(0, err)
		select {
		case <-d.ready:
		default:
			return err
		}
		if time.Since(began) >= healthyAfter {
			backoff = firstBackoff
		}
		logger.Error(err, "Containerd ended, starting it again", "after", backoff)
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

// stopFormer ends a daemon that a killed process of ours has left behind. Its shims carry the mark too, and stay.
func (d *Daemon) stopFormer(ctx context.Context) error {
	marked, err := process.Marked(d.cfg.Mark)
	if err != nil {
		return fmt.Errorf("look for a former containerd: %w", err)
	}
	daemons := slices.DeleteFunc(marked, func(p process.Process) bool { return p.Command != "containerd" })
	if err := process.Stop(ctx, stopGrace, daemons...); err != nil {
		return fmt.Errorf("stop the former containerd: %w", err)
	}
	return nil
}

// runOnce starts the daemon and returns when it has ended, which is an error unless ctx has. served is called when it
// serves.
func (d *Daemon) runOnce(ctx context.Context, served func()) error {
	notify, err := listenNotify(filepath.Join(d.cfg.State, "notify.sock"))
	if err != nil {
		return err
	}
	defer notify.close()
	cmd, err := d.start(notify.path)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	check := time.NewTicker(checkLog)
	defer check.Stop()
	ready := notify.ready
	for {
		select {
		case <-check.C:
			if err := logfile.Shorten(d.cfg.LogFile, maxLog); err != nil {
				klog.FromContext(ctx).Error(err, "Containerd's log grows on")
			}
		case <-ready:
			timeout.Stop()
			ready = nil
			d.setState(cmd.Process.Pid, nil)
			served()
		case err := <-ended:
			return d.explain(fmt.Errorf("containerd ended: %w", exitError(err)))
		case <-timeout.C:
			return errors.Join(d.explain(fmt.Errorf("containerd has not come up in %v", startTimeout)), stop(cmd, ended))
		case <-ctx.Done():
			return stop(cmd, ended)
		}
	}
}

// exitError makes an error of a good exit too, for nobody has asked for it.
func exitError(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// start runs the program in a session of its own: a key pressed at our terminal must not reach it.
func (d *Daemon) start(notifySocket string) (*exec.Cmd, error) {
	if err := logfile.Shorten(d.cfg.LogFile, maxLog); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(d.cfg.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open containerd's log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(d.cfg.BinDir, "containerd"), "--config", d.cfg.configFile())
	cmd.Env = append(os.Environ(),
		process.MarkEnv(d.cfg.Mark),
		"NOTIFY_SOCKET="+notifySocket,
		"PATH="+d.cfg.BinDir+":"+os.Getenv("PATH"))
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start containerd: %w", err)
	}
	return cmd, nil
}

// stop asks the daemon to end and waits for it.
func stop(cmd *exec.Cmd, ended <-chan error) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop containerd: %w", err)
	}
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
	}
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill containerd: %w", err)
	}
	<-ended
	return nil
}
