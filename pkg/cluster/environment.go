package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/crash"
	"github.com/proa-sh/proa/pkg/cluster/etcd"
	"github.com/proa-sh/proa/pkg/cluster/ledger"
	"github.com/proa-sh/proa/pkg/cluster/logfile"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/cluster/preflight"
	"github.com/proa-sh/proa/pkg/cluster/service"
	"github.com/proa-sh/proa/pkg/cluster/steps"
)

// The steps that components may come after.
const (
	StepCertificates = "certificates"
	StepEtcdSocket   = "etcd-socket"
	StepEtcd         = "etcd"
)

// maxEtcdLog is the size at which etcd's log is put aside, in bytes.
const maxEtcdLog = 16 << 20

// Environment is what components find. A field is set when the step that makes it has started.
type Environment struct {
	// Service is this process.
	*service.Service
	Config Config
	// Ledger is told of every change to the host before it is made.
	Ledger *ledger.Ledger
	// PKI is set by StepCertificates.
	PKI pki.Set
	// Etcd is set by StepEtcdSocket, and answers after StepEtcd.
	Etcd *etcd.Member
	// Node is the first node; its containerd works after node.StepContainerd.
	Node *node.Node

	// falls are the ends of lives before this one that nobody asked for, in a row; leftOut are the steps that are therefore left
	// out, and why. Both are set before the steps begin.
	falls   []crash.Record
	leftOut map[string]error
	// records are the further nodes that the cluster begins with.
	records []record
	// overview fills nodes and pods into the status; nil before there is an API server.
	overview atomic.Pointer[func(*control.Status)]
}

// baseSteps are those below Kubernetes.
func (e *Environment) baseSteps() []steps.Step {
	return append([]steps.Step{
		{Name: StepCertificates, Start: e.startCertificates},
		{Name: StepEtcdSocket, Start: e.startEtcd},
		{Name: StepEtcd, After: []string{StepEtcdSocket}, Start: e.awaitEtcd},
		e.Node.DNSImage(node.StepContainerd),
	}, e.Node.Runtime()...)
}

// describe tells of the cluster as a whole.
func (e *Environment) describe(_ context.Context, status *control.Status) {
	status.Version, status.Server = e.Config.Version.String(), e.Config.ServerURL()
	status.Falls, status.LeftOut = e.falls, slices.Sorted(maps.Keys(e.leftOut))
	if overview := e.overview.Load(); overview != nil {
		(*overview)(status)
	}
}

// startCertificates also writes the kubeconfigs.
func (e *Environment) startCertificates(context.Context, *steps.Task) error {
	c := e.Config
	node := net.IP(c.NodeIP.AsSlice())
	set, err := pki.Ensure(pki.Config{
		Dir: c.PKIDir(), NodeName: c.NodeName, DNSDomain: c.DNSDomain, NodeIPs: []net.IP{node},
		ServerIPs: []net.IP{node, net.IP(c.KubernetesServiceIP().AsSlice()), net.IP(c.gateway().AsSlice())},
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
	return task.GoUntil(ctx, member.Listening(), func(ctx context.Context) error { return errors.Join(member.Run(ctx), log.Close()) })
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
	if err := c.keepPrograms(); err != nil {
		return err
	}
	return preflight.WriteVersion(c.DataDir, c.Version)
}
