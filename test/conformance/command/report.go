package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/proa-sh/proa/test/conformance/report"
)

// slowest is how many specs the summary names that are slow against upstream.
const slowest = 20

// summaryFile is the summary in the directory of results.
const summaryFile = "summary.txt"

// summarize prints a run, keeps what it prints, and gives an error unless all passed.
func (t tree) summarize(out io.Writer, run report.Run, dir string) error {
	before, err := report.ReadTimes(t.upstreamTimes())
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, summaryFile))
	if err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	defer file.Close()
	both := io.MultiWriter(out, file)
	failed := len(run.Failed())
	if failed > 0 {
		fmt.Fprintln(both, "\nFailed:")
		run.Failures(both)
	}
	fmt.Fprintln(both, "\nSlowest against upstream on such a machine:")
	pairs := report.Compare(run.Times(), before)
	report.WritePairs(both, pairs[:min(slowest, len(pairs))])
	fmt.Fprintln(both)
	run.Table(both)
	fmt.Fprintf(both, "%s\nResults: %s\n", run.Walls(), dir)
	if failed > 0 {
		return fmt.Errorf("%d of %d specs failed", failed, len(run.Results))
	}
	return nil
}

func newReport() *cobra.Command {
	write := false
	cmd := &cobra.Command{
		Use:   "report [DIR]",
		Short: "Print the results in a directory, or those of the last full run",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			t, err := findTree(cmd.Context())
			if err != nil {
				return err
			}
			if write {
				if len(dirs) > 0 {
					return errors.New("--write-readme takes the last full runs: give no directory")
				}
				runs, err := t.lastRuns()
				if err != nil {
					return err
				}
				return report.WriteREADME(filepath.Join(t.source(), "README.md"), runs)
			}
			run, err := t.find(dirs, fullRun)
			if err != nil {
				return err
			}
			run.Failures(cmd.OutOrStdout())
			run.Table(cmd.OutOrStdout())
			fmt.Fprintln(cmd.OutOrStdout(), run.Walls())
			return nil
		},
	}
	cmd.Flags().BoolVar(&write, "write-readme", false, "write the last full runs into the README instead")
	return cmd
}

func newCompare() *cobra.Command {
	return &cobra.Command{
		Use:   "compare [DIR DIR]",
		Short: "Print how long each spec took in one run against another",
		Long:  "Print how long each spec took in one run against another: without directories, our last run against upstream's last.",
		Args:  func(_ *cobra.Command, args []string) error { return pairOrNone(args) },
		RunE: func(cmd *cobra.Command, dirs []string) error {
			t, err := findTree(cmd.Context())
			if err != nil {
				return err
			}
			ours, err := t.find(firstOf(dirs, 0), func(r report.Run) bool { return len(r.Upstream) == 0 })
			if err != nil {
				return err
			}
			theirs, err := t.find(firstOf(dirs, 1), func(r report.Run) bool { return len(r.Upstream) > 0 })
			if err != nil {
				return err
			}
			report.WritePairs(cmd.OutOrStdout(), report.Compare(ours.Times(), theirs.Times()))
			report.WriteChanges(cmd.OutOrStdout(), ours, theirs)
			return nil
		},
	}
}

func pairOrNone(args []string) error {
	if len(args) != 0 && len(args) != 2 {
		return errors.New("give two directories or none")
	}
	return nil
}

// firstOf is the n-th of dirs alone, if there are any.
func firstOf(dirs []string, n int) []string {
	if len(dirs) == 0 {
		return nil
	}
	return dirs[n : n+1]
}

// find reads the run in the directory, or the last that matches.
func (t tree) find(dirs []string, match func(report.Run) bool) (report.Run, error) {
	if len(dirs) > 0 {
		return report.Read(dirs[0])
	}
	runs, err := report.All(t.results(), match)
	if err != nil {
		return report.Run{}, err
	}
	return runs[0], nil
}

func newStable() *cobra.Command {
	within := 5.0
	cmd := &cobra.Command{
		Use:   "stable",
		Short: "Print short specs that passed in every full run that is kept here",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := findTree(cmd.Context())
			if err != nil {
				return err
			}
			runs, err := report.All(t.results(), fullRun)
			if err != nil {
				return err
			}
			before, err := report.ReadTimes(t.upstreamTimes())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "# Printed by the command stable: what passed in %d full runs and took upstream at most %.0f s.\n", len(runs), within)
			for _, name := range report.Stable(runs, before, within) {
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			return nil
		},
	}
	cmd.Flags().Float64Var(&within, "seconds", within, "how long they took upstream at most")
	return cmd
}

// lastRuns are our last full runs, up to three, and upstream's last if there is one.
func (t tree) lastRuns() ([]report.Run, error) {
	runs, err := report.All(t.results(), func(r report.Run) bool { return r.Full })
	if err != nil {
		return nil, err
	}
	var ours, theirs []report.Run
	for _, run := range runs {
		if fullRun(run) {
			ours = append(ours, run)
		} else {
			theirs = append(theirs, run)
		}
	}
	if len(ours) == 0 {
		return nil, errors.New("look for runs: there is no full run of our components")
	}
	return slices.Concat(ours[:min(3, len(ours))], theirs[:min(1, len(theirs))]), nil
}

// fullRun is a run of all specs on our own components.
func fullRun(r report.Run) bool { return r.Full && len(r.Upstream) == 0 }
