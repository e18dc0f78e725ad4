package containerd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/proa-sh/proa/pkg/cluster/program"
)

// stopGrace is how long the daemon may take to end before it is killed.
const stopGrace = 3 * time.Second

// Daemon is a supervised containerd. Containers go on when it is stopped. One that a killed process of ours has left is taken over if it
// has the same configuration: a containerd that is ended loses how containers end meanwhile.
type Daemon struct {
	*program.Program
	cfg Config
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
	return &Daemon{cfg: cfg, Program: program.New(program.Config{
		Path: filepath.Join(cfg.BinDir, "containerd"), Args: []string{"--config", cfg.configFile()},
		Env: []string{"PATH=" + cfg.BinDir + ":" + os.Getenv("PATH")}, LogFile: cfg.LogFile, Mark: cfg.Mark, StopGrace: stopGrace,
		Identity: string(content), Answers: ImageStore{Socket: cfg.Socket()}.answers, GoesOn: cfg.GoesOn,
		Serving: func() ([]string, func(context.Context) error, error) {
			return awaitNotify(filepath.Join(cfg.State, "notify.sock"))
		},
	})}, nil
}

// Config is what the daemon was made with.
func (d *Daemon) Config() Config { return d.cfg }
