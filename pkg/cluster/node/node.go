package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/cluster/containerd"
	"github.com/proa-sh/proa/pkg/cluster/images"
	"github.com/proa-sh/proa/pkg/cluster/ledger"
	"github.com/proa-sh/proa/pkg/cluster/service"
	"github.com/proa-sh/proa/pkg/cluster/steps"
)

// The steps of a node.
const (
	StepContainerd = "containerd"
	StepPauseImage = "pause-image"
	StepDNSImage   = "dns-image"
	StepProxy      = "service-proxy"
	StepNetwork    = "pod-network"
	StepKubelet    = "kubelet"
)

// StopPodsWithin is how long all pods together may take to end when a node is taken down, whatever they say themselves; what is
// left of them then is ended by force.
const StopPodsWithin = 6 * time.Hour

// Node is one node in this process.
type Node struct {
	Config Config
	// Ledger is told of every change to the node's machine before it is made.
	Ledger *ledger.Ledger
	// Service is the process: it is told how the parts are, and says whether the pods end with it.
	Service *service.Service
	// API is how the parts reach the API server. It is set by the step that they are said to come after.
	API *API
	// KeepRuntime has the container runtime go on when the parts end and the pods do not: the next process takes it over.
	KeepRuntime bool

	containerd *containerd.Daemon
	// hostLogs says that the logs are where collectors look; set by the step of containerd.
	hostLogs bool
}

// Runtime lists the parts that need nobody.
func (n *Node) Runtime() []steps.Step {
	pause, _ := images.SystemArchives(n.imagesDir())
	return []steps.Step{
		{Name: StepContainerd, Start: n.startContainerd, Stop: n.stopContainerd, StopWithin: StopPodsWithin + steps.DefaultStop},
		{Name: StepPauseImage, After: []string{StepContainerd}, Start: n.importImage(pause)},
	}
}

// DNSImage is the import of the image of the cluster DNS, after the step that is named.
func (n *Node) DNSImage(after string) steps.Step {
	_, coredns := images.SystemArchives(n.imagesDir())
	return steps.Step{Name: StepDNSImage, After: []string{after}, Start: n.importImage(coredns)}
}

func (n *Node) imagesDir() string { return filepath.Join(n.Config.BinDir, "images") }

// Components lists the parts of Kubernetes, which come after the step by which the API server answers.
func (n *Node) Components(api string) []steps.Step {
	return []steps.Step{
		{Name: StepProxy, After: []string{api}, Start: n.startProxy},
		{Name: StepNetwork, After: []string{api}, Start: n.startNetwork},
		{Name: StepKubelet, After: []string{api, StepContainerd}, Start: n.startKubelet},
	}
}

func (n *Node) startContainerd(ctx context.Context, task *steps.Task) error {
	lower, err := containerd.MayLowerOOMScore()
	if err != nil {
		return err
	}
	if !lower {
		n.Service.Timeline.Note("Warning: this machine does not let proa lower oom_score_adj (it has no CAP_SYS_RESOURCE): when memory runs out, " +
			"the kernel may end the cluster's server before pods, which all have the same score")
	}
	cfg := n.Config.Containerd(!lower)
	if n.KeepRuntime {
		cfg.GoesOn = func() bool { return !n.Service.EndsPods() }
	}
	err = errors.Join(
		n.Ledger.Dir(cfg.ShimSocketDir()), n.Config.MakePlaces(n.Ledger),
		n.Ledger.MountsUnder(n.Config.RunDir), n.Ledger.MountsUnder(n.Config.ContainerdRoot()), n.Ledger.MountsUnder(n.Config.KubeletDir()),
		n.Ledger.Processes(cfg.Mark),
		n.Ledger.Cgroup(n.Config.CgroupRoot))
	if err != nil {
		return err
	}
	if err := n.publishLogs(); err != nil {
		return err
	}
	daemon, err := containerd.New(cfg)
	if err != nil {
		return err
	}
	n.containerd = daemon
	n.Service.Check(StepContainerd, func(context.Context) error { return daemon.Healthy() })
	return task.GoUntil(ctx, daemon.Ready(), daemon.Run)
}

// stopContainerd ends the pods, if they are to end, while there is still somebody who can.
func (n *Node) stopContainerd(ctx context.Context) error {
	if !n.Service.EndsPods() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, StopPodsWithin)
	defer cancel()
	if err := n.containerd.EndPods(ctx, containerd.Ending{Now: n.Service.Now(), Note: n.Service.Timeline.NoteOf}); err != nil {
		klog.FromContext(ctx).Error(err, "Pods did not stop in good order")
		n.Service.Timeline.Note(summary(err))
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
func (n *Node) importImage(archive string) func(context.Context, *steps.Task) error {
	return func(ctx context.Context, _ *steps.Task) error {
		entries, err := images.Entries(archive)
		if err != nil {
			return fmt.Errorf("%w (make it with `make build`)", err)
		}
		store := n.containerd.Images()
		for _, entry := range entries {
			has, err := store.Has(ctx, entry.Name, entry.Digest)
			if err != nil {
				return err
			}
			if !has {
				_, err := store.Import(ctx, archive, containerd.Pinned())
				return err
			}
		}
		return nil
	}
}
