package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/cluster/agent"
	"github.com/proa-sh/proa/pkg/cluster/ledger"
	"github.com/proa-sh/proa/pkg/cluster/machine"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/cluster/process"
)

// member is one further node.
type member struct {
	fleet  *fleet
	record record
	node   node.Config
	// busy is held by whoever does something with the node.
	busy sync.Mutex

	mu sync.Mutex
	// first is the first process of the machine, zero while it is off, and began when its life did. Guarded by mu, as is all
	// below.
	first process.Process
	began time.Time
	// works is closed when the agent has told that all parts have started, in this life.
	works chan struct{}
	// waiting are those who wait for the node to be ready and want to know if it fails before.
	waiting map[*context.CancelCauseFunc]bool
}

func (f *fleet) newMember(r record) *member {
	m := &member{fleet: f, record: r, node: f.parts.env.Config.furtherNode(r), works: make(chan struct{}), waiting: map[*context.CancelCauseFunc]bool{}}
	f.parts.env.Check(m.step(), m.check)
	return m
}

// step is what the node is called among the parts of the cluster.
func (m *member) step() string { return "node/" + m.record.Name }

// changes is the ledger of what is changed on the host for this node alone.
func (m *member) changes() *ledger.Ledger { return m.fleet.parts.env.Ledger.Of(m.step()) }

func (m *member) isOn() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.first != process.Process{}
}

// powerOn starts the machine. One that runs, from before this process began, gets a new agent, and its pods go on.
func (m *member) powerOn(ctx context.Context) error {
	spec, err := m.prepare()
	if err != nil {
		return fmt.Errorf("prepare node %s: %w", m.record.Name, err)
	}
	first, running, err := machine.Find(m.node.Mark)
	if err != nil {
		return err
	}
	m.begin()
	if running {
		if err := errors.Join(spec.Update(), spec.Restart(ctx)); err != nil {
			return fmt.Errorf("take over node %s: %w", m.record.Name, err)
		}
		m.watch(first, nil)
		return nil
	}
	cmd, err := spec.Start()
	if err != nil {
		return fmt.Errorf("start node %s: %w", m.record.Name, err)
	}
	if first, err = process.Lookup(cmd.Process.Pid); err != nil {
		return errors.Join(fmt.Errorf("start node %s (see %s): %w", m.record.Name, m.node.AgentLog(), err), cmd.Wait())
	}
	m.watch(first, cmd)
	return nil
}

// prepare writes what the node needs to know, and to the ledger what its start changes on the host.
func (m *member) prepare() (machine.Config, error) {
	e, n := m.fleet.parts.env, m.node
	c := e.Config
	spec := c.machine(n, m.fleet.program)
	l := m.changes()
	// The cgroup comes last, to be the first that is undone: frozen processes cannot end.
	err := errors.Join(l.Dir(n.RunDir), l.Dir(n.Containerd(false).ShimSocketDir()), l.Interface(spec.Port), l.Processes(n.Mark), l.Cgroup(n.CgroupRoot))
	if err != nil {
		return spec, err
	}
	dirs := map[string]os.FileMode{n.RunDir: 0o711, n.LogDir(): 0o700}
	for _, places := range []map[string]string{n.Places(), n.LogPlaces()} {
		for _, dir := range places {
			dirs[dir] = 0o755
		}
	}
	for dir, mode := range dirs {
		if err := os.MkdirAll(dir, mode); err != nil {
			return spec, err
		}
	}
	if err := m.certify(); err != nil {
		return spec, err
	}
	if err := os.WriteFile(c.hostnameFile(n), []byte(n.Name+"\n"), 0o644); err != nil {
		return spec, err
	}
	return spec, agent.Config{Node: n, ClusterSocket: c.ControlSocket(), APIStep: StepAPIServer, FirstImages: c.Node().Images(), Verbosity: c.Verbosity}.Write(c.agentFile(n))
}

// certify makes the certificates of the node, and makes those anew that are near their end.
func (m *member) certify() error {
	e, n := m.fleet.parts.env, m.node
	set, err := e.PKI.EnsureNode(n.PKIDir(), n.Name, []net.IP{n.IP.AsSlice()}, time.Now())
	if err != nil {
		return err
	}
	for _, identity := range []string{pki.Kubelet, pki.Proxy} {
		if err := set.WriteComponentKubeconfig(n.Kubeconfig(identity), e.Config.Name, e.Config.gatewayURL(), identity); err != nil {
			return err
		}
	}
	return nil
}

// watch notes that the machine runs and, when it has ended, that it does not. cmd is nil if another process started it.
func (m *member) watch(first process.Process, cmd *exec.Cmd) {
	m.mu.Lock()
	m.first = first
	m.mu.Unlock()
	m.fleet.watch(func(ctx context.Context) {
		if err := process.Wait(ctx, first); err != nil {
			return // the machine outlives this process
		}
		if cmd != nil {
			// It ends by a signal, or well; there is nothing else to know of it.
			_ = cmd.Wait()
		}
		klog.FromContext(ctx).Info("Node is off", "node", m.record.Name)
		m.ended(first)
	})
}

// ended notes that the machine with that first process is off; there may be another already.
func (m *member) ended(first process.Process) {
	m.mu.Lock()
	current := m.first == first
	if current {
		m.first = process.Process{}
	}
	m.mu.Unlock()
	if current {
		m.fail(fmt.Errorf("node %s went off; see %s", m.record.Name, m.node.AgentLog()))
	}
}
