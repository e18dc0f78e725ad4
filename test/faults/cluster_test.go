package faults

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/test/e2e/box"
)

// nodes are those of the cluster beside the machine itself.
const further = "node-2"

// proa runs the command on the cluster.
func proa(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	own := []string{"--config", "", "--data-dir", dataDir(), "--bin-dir", binDir(), "--node-ip", box.Address}
	out, err := exec.CommandContext(ctx, filepath.Join(binDir(), "proa"), append(own, args...)...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("proa %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// runDir is where the sockets of the cluster are, whose name follows from the data directory.
func runDir() string {
	sum := sha256.Sum256([]byte(dataDir()))
	return "/run/proa-" + hex.EncodeToString(sum[:4])
}

// cluster is the one under test.
type cluster struct {
	// requests bounds each request of dynamic and typed; watches are not bounded.
	dynamic dynamic.Interface
	watches dynamic.Interface
	typed   kubernetes.Interface
}

// requestTimeout is far more than a request takes, and less than anybody wants to wait for one.
const requestTimeout = 10 * time.Second

// start brings the cluster up and connects to it.
func start() (*cluster, error) {
	if _, err := proa("up", "--nodes", "2"); err != nil {
		return nil, err
	}
	if _, err := proa("image", "load", filepath.Join(binDir(), "images", "busybox.tar")); err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(dataDir(), "kubeconfig", "admin.conf"))
	if err != nil {
		return nil, err
	}
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	c := &cluster{}
	if c.watches, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	bounded := rest.CopyConfig(config)
	bounded.Timeout = requestTimeout
	if c.dynamic, err = dynamic.NewForConfig(bounded); err != nil {
		return nil, err
	}
	c.typed, err = kubernetes.NewForConfig(bounded)
	return c, err
}

// ready asks the API server whether it is.
func (c *cluster) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return c.typed.CoreV1().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// healthy says what of the cluster does not work.
func (c *cluster) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	// A supervisor has seen that its program ended when there is another.
	for _, p := range []part{server, agent, containerd, otherContainerd} {
		if _, err := p.find(); err != nil {
			return err
		}
	}
	for _, socket := range []string{"control.sock", filepath.Join("nodes", further, "control.sock")} {
		status, err := control.NewClient(filepath.Join(runDir(), socket)).Status(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", socket, err)
		}
		faults := []error{}
		if status.Phase != control.Running {
			faults = append(faults, fmt.Errorf("%s: it is %s", socket, status.Phase))
		}
		for part, fault := range status.Parts {
			if fault != "" {
				faults = append(faults, fmt.Errorf("%s: %s: %s", socket, part, fault))
			}
		}
		for _, node := range status.Nodes {
			if node.Fault != "" {
				faults = append(faults, fmt.Errorf("node %s: %s", node.Name, node.Fault))
			}
		}
		if err := errors.Join(faults...); err != nil {
			return err
		}
	}
	return nil
}

// part is a process of the cluster that can be killed, and comes back.
type part string

// The parts. The server is everything of the first node but containerd, and the control plane; the agent is that of the further
// node: its kubelet and service proxy.
const (
	server          part = "server"
	agent           part = "kubelet"
	containerd      part = "containerd"
	otherContainerd part = "containerd of " + further
)

// find gives the process of a part that runs now.
func (p part) find() (process.Process, error) {
	program, contains := "proa", ""
	switch p {
	case server:
		contains = "\x00server\x00"
	case agent:
		contains = "\x00node-agent\x00"
	case containerd, otherContainerd:
		program, contains = "containerd", "\x00--config\x00"+runDir()
	}
	found, err := processes(func(pid int, line string) bool {
		name, _, _ := strings.Cut(line, "\x00")
		ofOther := strings.Contains(line, "/nodes/"+further+"/")
		return filepath.Base(name) == program && strings.Contains(line, contains) && (ofOther == (p == otherContainerd) || p == agent)
	})
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("there are %d processes of the %s", len(found), p)
	}
	if err != nil {
		return process.Process{}, err
	}
	return found[0], nil
}

// processes gives those of the machine whose command lines, with zero bytes between the arguments, are wanted.
func processes(want func(pid int, line string) bool) ([]process.Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []process.Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err != nil || !want(pid, string(line)) {
			continue // it has ended, or is another's
		}
		if p, err := process.Lookup(pid); err == nil {
			found = append(found, p)
		}
	}
	return found, nil
}
