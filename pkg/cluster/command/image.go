package command

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/proa-sh/proa/pkg/cluster"
	"github.com/proa-sh/proa/pkg/cluster/containerd"
	"github.com/proa-sh/proa/pkg/cluster/control"
)

func newImage(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "image", Short: "Bring images into the cluster without a registry"}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "load FILE...",
			Short: "Load the images of archives (docker save, or OCI layout in a tar file)",
			Args:  cobra.MinimumNArgs(1),
			RunE:  func(cmd *cobra.Command, files []string) error { return loadImages(cmd, f, files) },
		},
		&cobra.Command{
			Use:   "list",
			Short: "List the images of this node",
			Args:  cobra.NoArgs,
			RunE:  func(cmd *cobra.Command, _ []string) error { return listImages(cmd, f) },
		})
	return cmd
}

// imageStore reaches the images of the running cluster.
func imageStore(cmd *cobra.Command, f *flags) (containerd.ImageStore, error) {
	cfg, err := f.config()
	if err != nil {
		return containerd.ImageStore{}, err
	}
	if _, err := control.NewClient(cfg.ControlSocket()).Status(cmd.Context()); err != nil {
		return containerd.ImageStore{}, err
	}
	return containerd.ImageStore{Socket: containerdSocket(cfg)}, nil
}

func containerdSocket(cfg cluster.Config) string {
	return containerd.Config{State: cfg.ContainerdState()}.Socket()
}

func loadImages(cmd *cobra.Command, f *flags, files []string) error {
	store, err := imageStore(cmd, f)
	if err != nil {
		return err
	}
	for _, file := range files {
		names, err := store.Import(cmd.Context(), file, false)
		if err != nil {
			return err
		}
		for _, name := range names {
			fmt.Fprintln(cmd.OutOrStdout(), name)
		}
	}
	return nil
}

func listImages(cmd *cobra.Command, f *flags) error {
	store, err := imageStore(cmd, f)
	if err != nil {
		return err
	}
	list, err := store.List(cmd.Context())
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tDIGEST\tSIZE")
	for _, image := range list {
		fmt.Fprintf(w, "%s\t%.19s\t%.1f MiB\n", image.Name, image.Digest, float64(image.Size)/(1<<20))
	}
	return w.Flush()
}
