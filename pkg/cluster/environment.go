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
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"

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
	// certificates is the life of new ones, and the pause of their renewal; zeros mean what packages pki says.
	certificates struct{ life, pause time.Duration }
	// certifyNodes renews the certificates of further nodes; nil before there are any.
	certifyNodes func() error
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

// startCertificates makes what is missing, and goes on to renew what is near its end, so that nothing ends while the cluster runs.
func (e *Environment) startCertificates(ctx context.Context, task *steps.Task) error {
	if err := e.certify(); err != nil {
		return err
	}
	if path, err := e.mergeKubeconfig(); err != nil { // the cluster is good without it
		e.Timeline.Note("Your kubeconfig does not know this cluster: " + err.Error())
	} else if path != "" {
		e.Timeline.Note(fmt.Sprintf("Context %q is in %s", e.Config.Name, path))
	}
	task.Go(func(ctx context.Context) error {
		logger := klog.FromContext(ctx)
		pki.Renewal{Due: e.certificatesDue, Pause: e.certificates.pause, Renew: func() error {
			logger.Info("Renewing certificates")
			err := e.certify()
			if e.certifyNodes != nil {
				err = errors.Join(err, e.certifyNodes())
			}
			_, mergeErr := e.mergeKubeconfig()
			return errors.Join(err, mergeErr)
		}, Failed: func(err error) { logger.Error(err, "Could not renew certificates; it is tried again") }}.Keep(ctx)
		return nil
	})
	return nil
}

// certify makes certificates and kubeconfigs that are missing or near their end.
func (e *Environment) certify() error {
	c := e.Config
	node := net.IP(c.NodeIP.AsSlice())
	set, err := pki.Ensure(pki.Config{
		Dir: c.PKIDir(), NodeName: c.NodeName, DNSDomain: c.DNSDomain, NodeIPs: []net.IP{node},
		Life:      e.certificates.life,
		ServerIPs: []net.IP{node, net.IP(c.KubernetesServiceIP().AsSlice()), net.IP(c.gateway().AsSlice())},
	})
	if err != nil {
		return err
	}
	if e.PKI == (pki.Set{}) { // by the step; others read it from then on
		e.PKI = set
	}
	for _, identity := range []string{pki.ControllerManager, pki.Scheduler, pki.Proxy, pki.Kubelet} {
		if err := set.WriteComponentKubeconfig(c.Kubeconfig(identity), c.Name, c.ServerURL(), identity); err != nil {
			return err
		}
	}
	return set.WriteKubeconfig(c.Kubeconfig(pki.Admin), c.Name, c.ServerURL(), pki.Admin)
}

// certificatesDue is when the first certificate of any node is to be renewed.
func (e *Environment) certificatesDue() (time.Time, error) {
	nodes, err := e.Config.AllNodes()
	if err != nil {
		return time.Time{}, err
	}
	var due time.Time
	for _, n := range nodes {
		if _, err := os.Stat(n.PKIDir()); errors.Is(err, os.ErrNotExist) {
			continue // it gets them when it is switched on
		}
		at, err := pki.At(n.PKIDir()).Due()
		if err != nil {
			return due, err
		}
		if due.IsZero() || at.Before(due) {
			due = at
		}
	}
	return due, nil
}

// mergeKubeconfig puts the cluster into the user's kubeconfig, if it is to be there, and gives its path.
func (e *Environment) mergeKubeconfig() (string, error) {
	if !e.Config.MergeKubeconfig {
		return "", nil
	}
	admin, err := e.PKI.Kubeconfig(e.Config.Name, e.Config.ServerURL(), pki.Admin)
	if err != nil {
		return "", err
	}
	return pki.MergeKubeconfig(admin)
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
