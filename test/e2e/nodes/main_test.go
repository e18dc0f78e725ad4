package nodes

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proa-sh/proa/test/e2e/box"
)

// patience bounds every wait of the tests.
const patience = 90 * time.Second

// outside is the world beyond the machine.
var outside *box.Outside

func TestMain(m *testing.M) {
	reset := func() error {
		if out, err := proa("reset", "--yes"); err != nil {
			return fmt.Errorf("take down the test cluster: %w: %s", err, out)
		}
		return nil
	}
	os.Exit(box.Box{Prefix: "pn", Prepare: prepare, Finally: reset}.Main(m))
}

// prepare makes the machine: a network, and directories for what ends with it that nobody else writes to.
func prepare() (err error) {
	for _, dir := range []string{"/run", "/var/lib/cni"} {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			continue
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("mount on %s: %w", dir, err)
		}
	}
	outside, err = box.MakeNetwork()
	return err
}

func dataDir() string { return filepath.Join(box.Dir(), "d") }

// proa runs the command on the tests' cluster.
func proa(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	command := exec.CommandContext(ctx, box.Bin("proa"), append([]string{"--config", "", "--data-dir", dataDir(), "--node-ip", box.Address}, args...)...)
	out, err := command.CombinedOutput()
	return string(out), err
}

// cluster is the cluster of one test.
type cluster struct{ t *testing.T }

// must runs proa, which must succeed, and gives what it printed.
func (c cluster) must(args ...string) string {
	c.t.Helper()
	out, err := proa(args...)
	if err != nil {
		c.t.Fatalf("proa %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (c cluster) kubectl(args ...string) string {
	c.t.Helper()
	return c.must(append([]string{"kubectl"}, args...)...)
}

// up starts the cluster and loads the image that the workload needs.
func (c cluster) up(args ...string) {
	c.t.Helper()
	c.must(append([]string{"up"}, args...)...)
	c.must("image", "load", box.Bin("images", "python.tar"))
}

// eventually waits until check returns no error.
func (c cluster) eventually(what string, check func() error) {
	c.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			c.t.Fatalf("waited %s for %s: %v\n%s", patience, what, err, c.describe())
		case <-pause.C:
		}
	}
}

// describe tells what there is, for a test that fails.
func (c cluster) describe() string {
	var all []string
	for _, args := range [][]string{{"status"}, {"kubectl", "get", "nodes,pods", "-A", "-o", "wide"}, {"kubectl", "get", "events", "-A"}} {
		out, _ := proa(args...) // what could be found out is enough
		all = append(all, out)
	}
	return strings.Join(all, "\n")
}
