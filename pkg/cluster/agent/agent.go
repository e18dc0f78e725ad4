package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/cluster/containerd"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/ledger"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/service"
	"github.com/proa-sh/proa/pkg/cluster/steps"
)

// Command is the command of proa that runs an agent; its argument is the file with the Config.
const Command = "node-agent"

// Steps of the agent itself: the API server is found; all others have started and the cluster is told so.
const (
	stepAPI    = "api"
	stepImages = "loaded-images"
	stepReport = "report"
)

// ErrGoesOn is how an agent ends whose node goes on.
var ErrGoesOn = errors.New("the agent has ended, the node goes on")

// Config is what an agent needs to know.
type Config struct {
	Node node.Config
	// ClusterSocket is the control socket of the cluster, APIStep the step of it after which the API server answers.
	ClusterSocket, APIStep string
	// FirstImages are the images of the first node.
	FirstImages containerd.ImageStore
	// Verbosity is how much is logged.
	Verbosity int
}

// Read reads a Config that Write has written.
func Read(path string) (Config, error) {
	var c Config
	content, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(content, &c)
	}
	if err != nil {
		return c, fmt.Errorf("read configuration of the agent: %w", err)
	}
	return c, nil
}

// Write writes the Config to a file.
func (c Config) Write(path string) error {
	content, err := json.MarshalIndent(c, "", "  ")
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write configuration of the agent: %w", err)
	}
	return nil
}

// tellWithin bounds how long the cluster may take to hear that the agent has ended.
const tellWithin = 2 * time.Second

// Run is the life of an agent.
func Run(ctx context.Context, c Config) error {
	s := &service.Service{Socket: c.Node.ControlSocket(), StacksFile: c.Node.StacksFile(), Timeline: control.NewTimeline()}
	err := run(ctx, c, s)
	switch {
	case err == nil && s.EndsPods():
		return nil
	case err == nil:
		return ErrGoesOn
	}
	// The context may have ended, which is no reason to be silent.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellWithin)
	defer cancel()
	if told := control.NewClient(c.ClusterSocket).ReportNode(ctx, c.Node.Name, err.Error()); told != nil && !errors.Is(told, control.ErrNotRunning) {
		klog.FromContext(ctx).Error(told, "The cluster could not be told why this agent ends")
	}
	return err
}

func run(ctx context.Context, c Config, s *service.Service) error {
	// Changes are made to a machine that takes them along when it ends: nobody undoes this ledger.
	book, err := ledger.Open(filepath.Join(c.Node.RunDir, "ledger"))
	if err != nil {
		return err
	}
	defer book.Close()
	n := &node.Node{Config: c.Node, Ledger: book, Service: s, KeepRuntime: true}
	findAPI := func(ctx context.Context, task *steps.Task) error {
		if err := c.awaitServer(ctx); err != nil {
			return err
		}
		api, wait, err := node.Remote(ctx, c.Node)
		if err != nil {
			return err
		}
		n.API = api
		task.Go(func(ctx context.Context) error {
			<-ctx.Done()
			wait()
			return nil
		})
		return nil
	}
	loaded := steps.Step{Name: stepImages, After: []string{node.StepContainerd}, Start: c.copyImages}
	// Images before pods: else those that may not be pulled would fail first.
	find := steps.Step{Name: stepAPI, After: []string{stepImages}, Start: findAPI}
	list := append(append(n.Runtime(), loaded, find), n.Components(stepAPI)...)
	report := steps.Step{Name: stepReport, Start: c.report}
	for _, step := range list {
		report.After = append(report.After, step.Name)
	}
	// The cluster DNS may come to this node one day; nobody waits for that.
	_, err = s.Run(ctx, append(list, report, n.DNSImage(stepReport)))
	return err
}

// copyImages brings the images that were loaded into the cluster before there was this node. The node is good without them.
func (c Config) copyImages(ctx context.Context, _ *steps.Task) error {
	err := c.Node.Images().CopyLoaded(ctx, c.FirstImages)
	if err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Images that were loaded into the other nodes are not here; load them again")
	}
	return ctx.Err()
}

// report tells the cluster, if it can be told, that the node works.
func (c Config) report(ctx context.Context, _ *steps.Task) error {
	err := control.NewClient(c.ClusterSocket).ReportNode(ctx, c.Node.Name, "")
	if err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Info("The cluster could not be told that this node works", "reason", err.Error())
	}
	return ctx.Err()
}

// awaitServer returns when the API server answers. When there is no cluster to ask, there may still be an API server, and
// those who need it wait for it themselves.
func (c Config) awaitServer(ctx context.Context) error {
	err := control.NewClient(c.ClusterSocket).Follow(ctx, func(m control.Message) bool {
		return m.Event == nil || m.Event.Step != c.APIStep || m.Event.State != steps.Started
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		klog.FromContext(ctx).Info("The cluster cannot be asked whether its API server answers", "reason", err.Error())
	}
	return nil
}
