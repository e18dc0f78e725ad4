package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/proa-sh/proa/test/conformance/build"
	"github.com/proa-sh/proa/test/conformance/cluster"
	"github.com/proa-sh/proa/test/conformance/registry"
	"github.com/proa-sh/proa/test/conformance/report"
	"github.com/proa-sh/proa/test/conformance/suite"
)

// registryHost is the one that most test images are from.
const registryHost = "registry.k8s.io"

// options are those of a run.
type options struct {
	selection   suite.Selection
	every       bool
	list        string
	rerun       string
	upstream    []string
	procs       int
	nodes       int
	keep        bool
	partsWithin time.Duration
}

func newRun() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Start a cluster, run the specs in it, and say which passed",
		Long: "Start a cluster, run the specs in it, and say which passed. The exit status is 0 if all that was run did.\n" +
			"A cluster that an earlier run kept is used again.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), cmd.OutOrStdout(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.selection.Focus, "focus", "", "run the specs whose names match this regular expression")
	f.StringVar(&o.selection.SIG, "sig", "", "run the specs of this group, as in node")
	f.BoolVar(&o.every, "every", false, "choose among every spec of the suite, not only those of conformance; needs --focus, --sig or --list")
	f.StringVar(&o.list, "list", "", "run the specs that this file names")
	f.StringVar(&o.rerun, "rerun", "", `"failed" runs those that failed in the last run`)
	f.StringSliceVar(&o.upstream, "upstream", nil, `use upstream's program for these components; "1" is all`)
	f.IntVar(&o.procs, "procs", 8, "processes for the specs that run in parallel")
	f.IntVar(&o.nodes, "nodes", 3, "nodes of the cluster")
	f.BoolVar(&o.keep, "keep", false, "leave the cluster running")
	f.DurationVar(&o.partsWithin, "within", 45*time.Minute, "when the parallel specs, and then the serial ones, are broken off")
	return cmd
}

// run is a whole run, from building to the report.
func run(ctx context.Context, out io.Writer, o options) error {
	t, err := findTree(ctx)
	if err != nil {
		return err
	}
	say := func(line string) { fmt.Fprintln(out, line) }
	o.upstream = components(o.upstream)
	if err := t.build(ctx, o.upstream, say); err != nil {
		return err
	}
	specs, selected, err := t.choose(ctx, o)
	if err != nil {
		return err
	}
	c := cluster.Cluster{Proa: filepath.Join(t.bin(), "proa"), Nodes: o.nodes, Out: out, Programs: map[string]string{}}
	for _, name := range o.upstream {
		c.Programs[name] = filepath.Join(t.programs(), name)
	}
	dir := filepath.Join(t.results(), time.Now().Format("20060102-150405"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory for results: %w", err)
	}
	result, err := t.inCluster(ctx, c, dir, o.keep, func() (report.Run, error) {
		return t.runSpecs(ctx, c, o, specs, selected, dir, say)
	})
	if len(result.Results) == 0 {
		return err
	}
	return errors.Join(err, result.Write(dir), t.summarize(out, result, dir))
}

// choose gives all specs and those to run.
func (t tree) choose(ctx context.Context, o options) (specs, selected []string, err error) {
	if o.every && o.selection.All() && o.list == "" && o.rerun == "" {
		return nil, nil, errors.New("choose specs: of every spec of the suite only some can be run together; name them with --focus, --sig or --list")
	}
	if specs, err = suite.List(ctx, filepath.Join(t.programs(), build.Suite), o.every); err != nil {
		return nil, nil, err
	}
	switch {
	case o.rerun == "failed":
		last, err := t.find(nil, func(report.Run) bool { return true })
		if err != nil {
			return nil, nil, err
		}
		if o.selection.Names = last.FailedSpecs(); len(o.selection.Names) == 0 {
			return nil, nil, errors.New("nothing failed in the last run")
		}
	case o.rerun != "":
		return nil, nil, fmt.Errorf("rerun %q: only \"failed\" is known", o.rerun)
	case o.list != "":
		if o.selection.Names, err = suite.ReadList(o.list); err != nil {
			return nil, nil, err
		}
	}
	selected, err = o.selection.Of(specs)
	return specs, selected, err
}

// inCluster does something in a cluster with the images, which is started for it, and ended unless it is to be kept. Its logs
// are saved in dir.
func (t tree) inCluster(ctx context.Context, c cluster.Cluster, dir string, keep bool, do func() (report.Run, error)) (result report.Run, err error) {
	if c.Running(ctx) {
		fmt.Fprintln(c.Out, "The cluster that runs already is used as it is.")
	} else {
		err = c.Start(ctx)
	}
	defer func() {
		err = errors.Join(err, c.SaveLogs(dir))
		if !keep {
			err = errors.Join(err, c.Delete(ctx))
		}
	}()
	if err != nil {
		return result, err
	}
	if err := c.Load(ctx, t.archive()); err != nil {
		return result, err
	}
	err = t.withRegistry(ctx, c, func() error {
		var err error
		result, err = do()
		return err
	})
	return result, err
}

// withRegistry does something while a registry serves the images to the nodes of the cluster.
func (t tree) withRegistry(ctx context.Context, c cluster.Cluster, do func() error) (err error) {
	address, err := c.HostAddress(ctx)
	if err != nil {
		return err
	}
	images, err := registry.Open(t.archive(), registryHost)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, images.Close()) }()
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return fmt.Errorf("listen for pulls: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- images.Serve(ctx, listener) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()
	if err := registry.Mirror(c.CertsDir(), registryHost, listener.Addr().String()); err != nil {
		return err
	}
	return do()
}

// runSpecs runs both parts and reads their results. Those of the first are there even if the second could not be run.
func (t tree) runSpecs(ctx context.Context, c cluster.Cluster, o options, specs, selected []string, dir string, say func(string)) (report.Run, error) {
	result := report.Run{
		Began: time.Now(), Wall: map[string]float64{}, Commit: commit(ctx, t.root), Machine: machine(),
		Nodes: o.nodes, Procs: o.procs, Upstream: o.upstream,
	}
	programs := suite.Programs{
		Ginkgo: filepath.Join(t.programs(), build.Ginkgo), Suite: filepath.Join(t.programs(), build.Suite),
		Kubectl: filepath.Join(t.programs(), build.Kubectl), Kubeconfig: c.Kubeconfig(),
	}
	allParallel, allSerial := suite.Split(specs)
	parallel, serial := suite.Split(selected)
	for _, part := range []struct {
		name  string
		specs suite.Part
	}{
		{"parallel", suite.Part{Specs: parallel, All: allParallel, Procs: min(o.procs, len(parallel))}},
		{"serial", suite.Part{Specs: serial, All: allSerial, Procs: 1}},
	} {
		if len(part.specs.Specs) == 0 {
			continue
		}
		p := part.specs
		p.Dir, p.Within = filepath.Join(dir, part.name), o.partsWithin
		say(fmt.Sprintf("%d %s specs; see %s", len(p.Specs), part.name, p.Dir))
		began := time.Now()
		err := suite.Run(ctx, programs, p, say)
		result.Wall[part.name] = time.Since(began).Seconds()
		results, readErr := report.ReadJUnit(filepath.Join(p.Dir, suite.JUnitFile))
		result.Results = append(result.Results, report.Complete(results, p.Specs)...)
		if err := errors.Join(err, readErr); err != nil {
			return result, err
		}
	}
	result.Full = len(selected) == len(specs) && !o.every
	return result, nil
}
