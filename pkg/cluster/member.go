package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/cluster/agent"
	"github.com/proa-sh/proa/pkg/cluster/control"
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

// begin begins a life of the node, of which nothing is known yet.
func (m *member) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.began, m.works = time.Now(), make(chan struct{})
}

// report is told by the agent, of this life or, when the machine was taken over, of the one before.
func (m *member) report(fault string) {
	if fault != "" {
		m.fail(errors.New(fault))
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.works:
	default:
		close(m.works)
	}
}

// hasStarted says that all parts of this life have started once: what the agent does after that is no part of the node.
func (m *member) hasStarted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.works:
		return true
	default:
		return false
	}
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

// powerOff ends the machine at once and takes away what it leaves on the host.
func (m *member) powerOff(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, killWithin)
	defer cancel()
	// What is frozen ends only when its cgroup is undone.
	err := machine.CutPower(bounded, m.node.Mark)
	if undone := m.changes().Undo(ctx); undone != nil {
		return fmt.Errorf("clean up after node %s: %w", m.record.Name, errors.Join(err, undone))
	}
	m.mu.Lock()
	first := m.first
	m.mu.Unlock()
	m.ended(first)
	return nil
}

// killWithin is far more than the kernel needs to end the processes of a machine.
const killWithin = 3 * time.Second

// shutDown has the agent end the pods in good order, and returns when the machine is off. When now is closed it does not wait for
// the time that pods may take. What the agent tells of the pods is told of the cluster.
func (m *member) shutDown(ctx context.Context, now <-chan struct{}) error {
	first, running, err := machine.Find(m.node.Mark)
	if err != nil || !running {
		return err
	}
	client := control.NewClient(m.node.ControlSocket())
	err = client.Stop(ctx, control.How{Pods: true})
	if errors.Is(err, control.ErrNotRunning) {
		return fmt.Errorf("end the pods of node %s in good order: its agent does not run", m.record.Name)
	}
	if err != nil {
		return fmt.Errorf("ask node %s to end: %w", m.record.Name, err)
	}
	following, ended := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { m.hurry(following, client, now) })
	beside.Go(func() { m.passOn(following, client) })
	err = process.Wait(ctx, first)
	ended()
	beside.Wait()
	return err
}

// hurry tells the agent when nobody waits for pods any more.
func (m *member) hurry(ctx context.Context, client *control.Client, now <-chan struct{}) {
	select {
	case <-now:
	case <-ctx.Done():
		return
	}
	if err := client.Stop(ctx, control.How{Pods: true, Now: true}); err != nil && ctx.Err() == nil && !errors.Is(err, control.ErrNotRunning) {
		klog.FromContext(ctx).Error(err, "A node could not be told to end at once", "node", m.record.Name)
	}
}

// passOn tells what the agent tells of the end of pods.
func (m *member) passOn(ctx context.Context, client *control.Client) {
	stopping := false
	// That nobody can be followed any more means that it has ended.
	_ = client.Follow(ctx, func(message control.Message) bool {
		stopping = stopping || message.Phase == control.Stopping
		if stopping && message.Note != "" {
			m.fleet.parts.env.Timeline.NoteOf(m.record.Name+": "+message.Note, message.Takes)
		}
		return true
	})
}

// remove takes the node out of the cluster and removes its data.
func (m *member) remove(ctx context.Context) error {
	if err := m.powerOff(ctx); err != nil {
		return err
	}
	p, name := m.fleet.parts, m.record.Name
	client, err := p.client("system:proa:nodes", "system:masters")
	if err != nil {
		return err
	}
	if err := client.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete node %s from the API: %w", name, err)
	}
	if err := deletePods(ctx, client, name); err != nil {
		return err
	}
	err = p.env.Config.forget(name)
	if _, known := os.Stat(p.env.Config.recordFile(name)); known == nil {
		return err
	}
	m.fleet.mu.Lock()
	delete(m.fleet.members, name)
	m.fleet.mu.Unlock()
	p.env.Check(m.step(), nil)
	return err
}

// deletePods deletes the pods of a node that is gone, without waiting for anybody to say that they have ended.
func deletePods(ctx context.Context, client kubernetes.Interface, node string) error {
	pods, err := client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		return fmt.Errorf("list pods of node %s: %w", node, err)
	}
	for _, pod := range pods.Items {
		options := metav1.NewPreconditionDeleteOptions(string(pod.UID))
		options.GracePeriodSeconds = new(int64)
		err := client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, *options)
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("delete pod %s/%s of node %s: %w", pod.Namespace, pod.Name, node, err)
		}
	}
	return nil
}

// awaitReady returns when the node is ready, or has failed.
func (m *member) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m.mu.Lock()
	m.waiting[&cancel] = true
	began, works := m.began, m.works
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.waiting, &cancel)
		m.mu.Unlock()
	}()
	if !m.isOn() {
		return fmt.Errorf("node %s is off; see %s", m.record.Name, m.node.AgentLog())
	}
	err := m.fleet.parts.awaitReady(ctx, m.record.Name, began)
	if err == nil {
		select {
		case <-works:
		case <-ctx.Done():
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err != nil {
		return fmt.Errorf("wait for node %s: %w", m.record.Name, err)
	}
	return nil
}

// fail tells those who wait.
func (m *member) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for cancel := range m.waiting {
		(*cancel)(err)
	}
}

// check says what does not work on the node.
func (m *member) check(ctx context.Context) error {
	if !m.isOn() {
		return errors.New("it is off")
	}
	status, err := control.NewClient(m.node.ControlSocket()).Status(ctx)
	if errors.Is(err, control.ErrNotRunning) {
		return fmt.Errorf("its agent does not run; see %s", m.node.AgentLog())
	}
	if err != nil {
		return err
	}
	if status.Phase != control.Running && !m.hasStarted() {
		return fmt.Errorf("it is %s", status.Phase)
	}
	var faults []string
	for part, fault := range status.Parts {
		if fault != "" {
			faults = append(faults, part+": "+fault)
		}
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	return nil
}
