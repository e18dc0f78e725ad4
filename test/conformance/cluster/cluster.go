package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// DataDir is not the default one, so that nobody's cluster is lost.
const DataDir = "/var/lib/proa-conformance"

// How long proa may take for what it does here.
const (
	startWithin = 5 * time.Minute
	stopWithin  = 2 * time.Minute
)

// Cluster is the one that the suite runs against.
type Cluster struct {
	// Proa is the program's path.
	Proa  string
	Nodes int
	// Programs replace components of ours, by their names.
	Programs map[string]string
	// Out gets what proa prints.
	Out io.Writer
}

// Kubeconfig is that of its administrator.
func (c Cluster) Kubeconfig() string { return filepath.Join(DataDir, "kubeconfig", "admin.conf") }

// CertsDir is where its containerds look for the registries that need to be known.
func (c Cluster) CertsDir() string { return filepath.Join(DataDir, "certs.d") }

// HostAddress is an address of this machine that every node reaches: that of the node which is the machine itself.
func (c Cluster) HostAddress(ctx context.Context) (string, error) {
	const addresses = `jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}`
	cmd := exec.CommandContext(ctx, c.Proa, "--data-dir", DataDir, "kubectl", "get", "nodes", "-o", addresses)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig())
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask for the nodes' addresses: %w", err)
	}
	local, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("find addresses of this machine: %w", err)
	}
	for _, address := range strings.Fields(string(out)) {
		if slices.ContainsFunc(local, func(a net.Addr) bool { return strings.HasPrefix(a.String(), address+"/") }) {
			return address, nil
		}
	}
	return "", fmt.Errorf("find this machine among the nodes: none has an address of it in %q", out)
}

// Running says whether it runs already.
func (c Cluster) Running(ctx context.Context) bool {
	return exec.CommandContext(ctx, c.Proa, "--data-dir", DataDir, "status", "-o", "json").Run() == nil
}

// Start starts it without any data of an earlier one.
func (c Cluster) Start(ctx context.Context) error {
	if err := c.Delete(ctx); err != nil {
		return err
	}
	// The suite has pods of a RuntimeClass with this handler.
	args := []string{"up", "--runtime-handler", "test-handler"}
	if c.Nodes > 1 {
		args = append(args, "--nodes", strconv.Itoa(c.Nodes))
	}
	for name, path := range c.Programs {
		args = append(args, "--program", name+"="+path)
	}
	return c.proa(ctx, startWithin, args...)
}

// Load brings the images of an archive to every node.
func (c Cluster) Load(ctx context.Context, archive string) error {
	return c.proa(ctx, startWithin, "image", "load", archive)
}

// SaveLogs copies what its servers and nodes have logged, which Delete removes, to a directory.
func (c Cluster) SaveLogs(dir string) error {
	for _, pattern := range []string{"log/*.log", "nodes/*/log/*.log"} {
		found, err := filepath.Glob(filepath.Join(DataDir, pattern))
		if err != nil {
			return fmt.Errorf("look for logs: %w", err)
		}
		for _, file := range found {
			to := filepath.Join(dir, strings.TrimPrefix(file, DataDir))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return fmt.Errorf("save logs: %w", err)
			}
			content, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("save logs: %w", err)
			}
			if err := os.WriteFile(to, content, 0o644); err != nil {
				return fmt.Errorf("save logs: %w", err)
			}
		}
	}
	return nil
}

// Delete ends it and removes its data. It does so even when ctx has ended.
func (c Cluster) Delete(ctx context.Context) error {
	return c.proa(context.WithoutCancel(ctx), stopWithin, "reset", "--yes")
}

func (c Cluster) proa(ctx context.Context, within time.Duration, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Proa, append([]string{"--data-dir", DataDir}, args...)...)
	cmd.Stdout, cmd.Stderr = c.Out, c.Out
	// A terminal's interrupt goes to this program, which decides what ends when.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopWithin
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run proa %s: %w", args[0], err)
	}
	return nil
}
