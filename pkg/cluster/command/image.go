package command

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/proa-sh/proa/pkg/cluster/containerd"
	"github.com/proa-sh/proa/pkg/cluster/control"
)

func newImage(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "image", Short: "Bring images into the cluster without a registry"}
	var on []string
	cmd.PersistentFlags().StringSliceVar(&on, "node", nil, "names of nodes (default: all nodes)")
	cmd.AddCommand(
		&cobra.Command{
			Use:   "load FILE...",
			Short: "Load the images of archives (docker save, or OCI layout in a tar file) into the nodes",
			Args:  cobra.MinimumNArgs(1),
			RunE:  func(cmd *cobra.Command, files []string) error { return loadImages(cmd, f, on, files) },
		},
		&cobra.Command{
			Use:   "list",
			Short: "List the images of the nodes",
			Args:  cobra.NoArgs,
			RunE:  func(cmd *cobra.Command, _ []string) error { return listImages(cmd, f, on) },
		})
	return cmd
}

// store is the images of a node.
type store struct {
	node string
	containerd.ImageStore
}

// imageStores reaches the images of the nodes of the running cluster that are named, or of all.
func imageStores(cmd *cobra.Command, f *flags, names []string) ([]store, error) {
	cfg, err := f.config()
	if err != nil {
		return nil, err
	}
	if _, err := control.NewClient(cfg.ControlSocket()).Status(cmd.Context()); err != nil {
		return nil, err
	}
	nodes, err := cfg.AllNodes()
	if err != nil {
		return nil, err
	}
	var stores []store
	for _, n := range nodes {
		if len(names) == 0 || slices.Contains(names, n.Name) {
			stores = append(stores, store{n.Name, n.Images()})
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(stores, func(s store) bool { return s.node == name }) {
			return nil, fmt.Errorf("the cluster has no node %s", name)
		}
	}
	return stores, nil
}

// onAll calls fn for all nodes at the same time and gives what it gave, by node.
func onAll[T any](ctx context.Context, stores []store, fn func(context.Context, containerd.ImageStore) (T, error)) ([]T, error) {
	results := make([]T, len(stores))
	group, ctx := errgroup.WithContext(ctx)
	for i, s := range stores {
		group.Go(func() (err error) {
			if results[i], err = fn(ctx, s.ImageStore); err != nil {
				err = fmt.Errorf("on node %s: %w", s.node, err)
			}
			return err
		})
	}
	return results, group.Wait()
}

func loadImages(cmd *cobra.Command, f *flags, on, files []string) error {
	stores, err := imageStores(cmd, f, on)
	if err != nil {
		return err
	}
	labels := containerd.Loaded() // also for nodes to come
	if len(on) > 0 {
		labels = nil
	}
	for _, file := range files {
		names, err := onAll(cmd.Context(), stores, func(ctx context.Context, s containerd.ImageStore) ([]string, error) {
			return s.Import(ctx, file, labels)
		})
		if err != nil {
			return err
		}
		for _, name := range names[0] {
			fmt.Fprintln(cmd.OutOrStdout(), name)
		}
	}
	return nil
}

func listImages(cmd *cobra.Command, f *flags, on []string) error {
	stores, err := imageStores(cmd, f, on)
	if err != nil {
		return err
	}
	lists, err := onAll(cmd.Context(), stores, func(ctx context.Context, s containerd.ImageStore) ([]containerd.Image, error) { return s.List(ctx) })
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tNAME\tDIGEST\tSIZE")
	for i, list := range lists {
		for _, image := range list {
			fmt.Fprintf(w, "%s\t%s\t%.19s\t%.1f MiB\n", stores[i].node, image.Name, image.Digest, float64(image.Size)/(1<<20))
		}
	}
	return w.Flush()
}
