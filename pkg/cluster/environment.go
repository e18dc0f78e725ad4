package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/cluster/containerd"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/etcd"
	"github.com/proa-sh/proa/pkg/cluster/images"
	"github.com/proa-sh/proa/pkg/cluster/ledger"
	"github.com/proa-sh/proa/pkg/cluster/logfile"
	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/cluster/preflight"
	"github.com/proa-sh/proa/pkg/cluster/steps"
)

// The steps that components may come after.
const (
	StepCertificates = "certificates"
	StepEtcdSocket   = "etcd-socket"
	StepEtcd         = "etcd"
	StepContainerd   = "containerd"
	StepPauseImage   = "pause-image"
	StepDNSImage     = "dns-image"
)

// When the cluster is taken down, containers may take podGrace to end, and all pods together stopPodsWithin; what is left
// of them then is ended by the ledger.
const (
	podGrace       = 10 * time.Second
	stopPodsWithin = 12 * time.Second
)

// maxEtcdLog is the size at which etcd's log is put aside, in bytes.
const maxEtcdLog = 16 << 20

// Environment is what components find. A field is set when the step that makes it has started.
type Environment struct {
	Config Config
	// Ledger is told of every change to the host before it is made.
	Ledger *ledger.Ledger
	// PKI is set by StepCertificates.
	PKI pki.Set
	// Etcd is set by StepEtcdSocket, and answers after StepEtcd.
	Etcd *etcd.Member
	// Containerd is set by StepContainerd.
	Containerd *containerd.Daemon
	// Timeline takes notes for people.
	Timeline *control.Timeline

	health health
	// stopPods is whether the pods end with the cluster.
	stopPods atomic.Bool
}

// baseSteps are those below Kubernetes.
func (e *Environment) baseSteps() []steps.Step {
	pause, coredns := images.SystemArchives(e.Config.ImagesDir())
	return []steps.Step{
		{Name: StepCertificates, Start: e.startCertificates},
		{Name: StepEtcdSocket, Start: e.startEtcd},
		{Name: StepEtcd, After: []string{StepEtcdSocket}, Start: e.awaitEtcd},
		{Name: StepContainerd, Start: e.startContainerd, Stop: e.stopContainerd, StopWithin: stopPodsWithin + steps.DefaultStop},
		{Name: StepPauseImage, After: []string{StepContainerd}, Start: e.importImage(pause)},
		{Name: StepDNSImage, After: []string{StepContainerd}, Start: e.importImage(coredns)},
	}
}

// startCertificates also writes the kubeconfigs.
func (e *Environment) startCertificates(context.Context, *steps.Task) error {
	c := e.Config
	node := net.IP(c.NodeIP.AsSlice())
	set, err := pki.Ensure(pki.Config{
		Dir: c.PKIDir(), NodeName: c.NodeName, DNSDomain: c.DNSDomain, NodeIPs: []net.IP{node},
		ServerIPs: []net.IP{node, net.IP(c.KubernetesServiceIP().AsSlice())},
	})
	if err != nil {
		return err
	}
	e.PKI = set
	for _, identity := range []string{pki.Admin, pki.ControllerManager, pki.Scheduler, pki.Proxy, pki.Kubelet} {
		if err := set.WriteKubeconfig(c.Kubeconfig(identity), c.Name, c.ServerURL(), identity); err != nil {
			return err
		}
	}
	if !c.MergeKubeconfig {
		return nil
	}
	admin, err := set.Kubeconfig(c.Name, c.ServerURL(), pki.Admin)
	if err != nil {
		return err
	}
	path, err := pki.MergeKubeconfig(admin)
	if err != nil { // the cluster is good without it
		e.Timeline.Note("Your kubeconfig does not know this cluster: " + err.Error())
		return nil
	}
	e.Timeline.Note(fmt.Sprintf("Context %q is in %s", c.Name, path))
	return nil
}

func (e *Environment) startEtcd(ctx context.Context, task *steps.Task) error {
	log, err := logfile.Open(e.Config.EtcdLog(), maxEtcdLog)
	if err != nil {
		return fmt.Errorf("open etcd's log: %w", err)
	}
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), log, zap.WarnLevel))
	member, err := etcd.New(etcd.Config{Dir: e.Config.EtcdDir(), Socket: e.Config.EtcdSocket(), Logger: logger})
	if err != nil {
		return errors.Join(err, log.Close())
	}
	e.Etcd = member
	e.Check(StepEtcd, member.Healthy)
	return runUntilReady(ctx, task, func(ctx context.Context) error { return errors.Join(member.Run(ctx), log.Close()) }, member.Listening())
}

// awaitEtcd is for those who need answers; the API server has much to do before it asks.
func (e *Environment) awaitEtcd(ctx context.Context, _ *steps.Task) error {
	select {
	case <-e.Etcd.Ready():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *Environment) startContainerd(ctx context.Context, task *steps.Task) error {
	c := e.Config
	lower, err := containerd.MayLowerOOMScore()
	if err != nil {
		return err
	}
	if !lower {
		klog.FromContext(ctx).Info("This machine does not allow to lower oom_score_adj; containers run with the value of proa")
	}
	cfg := containerd.Config{
		BinDir: c.BinDir, Root: c.ContainerdRoot(), State: c.ContainerdState(), LogFile: c.ContainerdLog(),
		CNIBinDir: c.CNIBinDir(), CNIConfDir: c.CNIConfDir(), CertsDir: c.CertsDir(),
		SandboxImage: images.PauseName, RuntimeHandlers: []string{"test-handler"},
		RestrictOOMScoreAdj: !lower, Mark: c.processMark(),
	}
	err = errors.Join(
		e.Ledger.Dir(cfg.ShimSocketDir()),
		e.Ledger.MountsUnder(c.RunDir), e.Ledger.MountsUnder(c.DataDir),
		e.Ledger.Processes(cfg.Mark),
		e.Ledger.Cgroup(c.podCgroup()))
	if err != nil {
		return err
	}
	daemon, err := containerd.New(cfg)
	if err != nil {
		return err
	}
	e.Containerd = daemon
	e.Check(StepContainerd, func(context.Context) error { return daemon.Healthy() })
	return runUntilReady(ctx, task, daemon.Run, daemon.Ready())
}

// stopContainerd ends the pods, if they are to end, while there is still somebody who can.
func (e *Environment) stopContainerd(ctx context.Context) error {
	if !e.stopPods.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stopPodsWithin)
	defer cancel()
	// What does not end so is ended by the ledger.
	if err := e.Containerd.StopPods(ctx, podGrace); err != nil {
		klog.FromContext(ctx).Error(err, "Pods did not stop in good order")
		e.Timeline.Note(summary(err))
	}
	return nil
}

// summary is one line for what may be an error for each pod.
func summary(err error) string {
	lines := strings.Split(err.Error(), "\n")
	text := "Some pods did not stop in good order and are ended by force: " + lines[0]
	if len(lines) > 1 {
		text += fmt.Sprintf(" (and %d more; see the log)", len(lines)-1)
	}
	return text
}

// importImage makes a step that imports an archive unless its images are there, the very same.
func (e *Environment) importImage(archive string) func(context.Context, *steps.Task) error {
	return func(ctx context.Context, _ *steps.Task) error {
		entries, err := images.Entries(archive)
		if err != nil {
			return fmt.Errorf("%w (make it with `make build`)", err)
		}
		store := e.Containerd.Images()
		for _, entry := range entries {
			has, err := store.Has(ctx, entry.Name, entry.Digest)
			if err != nil {
				return err
			}
			if !has {
				_, err := store.Import(ctx, archive, true)
				return err
			}
		}
		return nil
	}
}

// runUntilReady hands run to the task and returns when it is ready. If run fails before, the task stops everything and
// says why.
func runUntilReady(ctx context.Context, task *steps.Task, run func(context.Context) error, ready <-chan struct{}) error {
	task.Go(run)
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// makeDirs makes the cluster's own directories. The run directory is a change to the host; the data directory stays.
func (e *Environment) makeDirs() error {
	c := e.Config
	if err := e.Ledger.Dir(c.RunDir); err != nil {
		return err
	}
	if err := os.MkdirAll(c.RunDir, 0o711); err != nil {
		return fmt.Errorf("make run directory: %w", err)
	}
	if err := os.MkdirAll(c.LogDir(), 0o700); err != nil {
		return fmt.Errorf("make log directory: %w", err)
	}
	return preflight.WriteVersion(c.DataDir, c.Version)
}
