package command

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/proa-sh/proa/test/conformance/build"
	"github.com/proa-sh/proa/test/conformance/images"
)

// New makes the command.
func New() *cobra.Command {
	root := &cobra.Command{
		Use:           "conformance",
		Short:         "Run the official Kubernetes conformance suite against a cluster of ours",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newBuild(), newRun(), newReport(), newCompare(), newStable())
	return root
}

// tree are the places of a checkout.
type tree struct{ root string }

// findTree finds the checkout that the working directory is in.
func findTree(ctx context.Context) (tree, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return tree{}, fmt.Errorf("find the checkout: %w", err)
	}
	return tree{root: strings.TrimSpace(string(out))}, nil
}

func (t tree) bin() string      { return filepath.Join(t.root, "bin") }
func (t tree) out() string      { return filepath.Join(t.bin(), "conformance") }
func (t tree) programs() string { return filepath.Join(t.out(), "programs") }
func (t tree) archive() string  { return filepath.Join(t.out(), "images.tar") }
func (t tree) results() string  { return filepath.Join(t.out(), "results") }
func (t tree) source() string   { return filepath.Join(t.root, "test", "conformance") }
func (t tree) upstreamTimes() string {
	return filepath.Join(t.source(), "testdata", "times-upstream.tsv")
}

func newBuild() *cobra.Command {
	var upstream []string
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build the suite, what it needs, and the test images",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := findTree(cmd.Context())
			if err != nil {
				return err
			}
			return t.build(cmd.Context(), components(upstream), func(line string) { fmt.Fprintln(cmd.OutOrStdout(), line) })
		},
	}
	cmd.Flags().StringSliceVar(&upstream, "upstream", nil, `build upstream's program for these components too; "1" is all`)
	return cmd
}

// components gives those that a flag names, of which "1" is all.
func components(named []string) []string {
	if slices.Equal(named, []string{"1"}) {
		return build.Components()
	}
	return named
}

// build makes all that is needed beside what `make tools build` makes.
func (t tree) build(ctx context.Context, upstream []string, report func(string)) error {
	module, err := build.Find(ctx, filepath.Join(t.source(), "upstream"))
	if err != nil {
		return err
	}
	if err := module.Build(ctx, t.programs(), upstream, report); err != nil {
		return err
	}
	sources := images.Sources{Programs: t.programs(), System: t.bin(), Kubernetes: module.Dir, Cache: filepath.Join(t.out(), "cache")}
	return images.Build(ctx, sources, t.archive(), report)
}
