package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/proa-sh/proa/pkg/cluster"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/images"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/pkg/cluster/steps"
)

// withoutKubernetes runs the store and the container runtime only: what is tested here is everything around the rest.
func withoutKubernetes(ctx context.Context, cfg cluster.Config, timeline *control.Timeline) error {
	return cluster.ServeParts(ctx, cfg, timeline, func(*cluster.Environment) []steps.Step {
		if file := os.Getenv(failVariable); file != "" {
			return []steps.Step{{Name: node.StepProxy, After: []string{node.StepContainerd}, Start: func(_ context.Context, task *steps.Task) error {
				task.Go(func(ctx context.Context) error {
					if _, err := os.Stat(file); err == nil {
						return errors.New("an object that it cannot bear")
					}
					<-ctx.Done()
					return nil
				})
				return nil
			}}}
		}
		if os.Getenv(deafVariable) == "" {
			return nil
		}
		return []steps.Step{{Name: "deaf", After: []string{node.StepContainerd}, Start: func(_ context.Context, task *steps.Task) error {
			task.Go(func(context.Context) error { select {} })
			return nil
		}}}
	})
}

// deafVariable, when set, gives the server a part that never ends.
const deafVariable = "PROA_TEST_DEAF"

// failVariable, when set, gives the server a part that fails while the file is there that it names.
const failVariable = "PROA_TEST_FAIL"

// TestMain lets `up` start this test program as the server, as it starts proa.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "server" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		root := newRoot(&flags{serve: withoutKubernetes})
		root.SetArgs(os.Args[1:])
		if err := root.ExecuteContext(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(cluster.ExitStatus(err))
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestLifeOfACluster(t *testing.T) {
	m := newMachine(t)
	m.want(m.must("up"), "etcd", "containerd", "pause-image", "The cluster is up: https://127.0.0.1:")
	m.want(m.must("up"), "is up already, as process")
	m.want(m.must("status"), "running as process", "works")
	m.want(m.must("image", "list"), images.PauseName, images.CoreDNSName)
	m.want(m.must("image", "load", filepath.Join(m.cfg.ImagesDir(), "pause.tar")), images.PauseName)
	m.put("/test/1")

	// Everything dies at once.
	server, err := process.Lookup(m.status().Pid)
	if err != nil {
		t.Fatal(err)
	}
	others, err := process.Marked(m.cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := keepers(m.cfg)
	if err != nil || len(keeper) != 1 {
		t.Fatalf("keepers: %v, %v", keeper, err)
	}
	// The keeper first: it would start the server again.
	if err := process.Kill(t.Context(), slices.Concat(keeper, others, []process.Process{server})...); err != nil {
		t.Fatal(err)
	}
	if _, err := m.run("logs", "no-such-part"); err == nil || !strings.Contains(err.Error(), "no-such-part") {
		t.Errorf("log of a part that does not exist: %v", err)
	}
	if _, err := m.run("status"); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("status after kill: %v", err)
	}
	m.must("up")
	m.wantKeys(1)
	m.put("/test/2")

	m.want(m.must("down"), "stopped in", "The cluster is down")
	m.wantClean()
	m.must("down") // again

	m.must("up")
	m.wantKeys(2)

	// Taken down after everything has died.
	if server, err = process.Lookup(m.status().Pid); err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	m.must("down")
	m.wantClean()
}

func TestFailedStartLeavesNothing(t *testing.T) {
	m := newMachine(t)
	holder, err := net.Listen("tcp", fmt.Sprintf(":%d", m.cfg.APIPort))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	_, err = m.run("up")
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("held by process %d", os.Getpid())) {
		t.Errorf("error %v does not say who holds the port", err)
	}
	if _, err := os.Stat(m.cfg.DataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a data directory was made: %v", err)
	}
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}

	// A start that fails half way.
	if err := os.MkdirAll(m.cfg.DataDir, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.cfg.EtcdDir(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = m.run("up")
	if err == nil || !strings.Contains(err.Error(), "start etcd-socket: make etcd directory") {
		t.Errorf("error %v does not say what is wrong", err)
	}
	m.wantClean()
}
