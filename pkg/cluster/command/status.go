package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/component-base/version"

	"github.com/proa-sh/proa/pkg/cluster/control"
)

func newStatus(f *flags) *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say whether the cluster runs and how its parts are",
		Long:  "Say whether the cluster runs and how its parts are. The exit status is 0 if it runs and all parts work.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.config()
			if err != nil {
				return err
			}
			status, err := control.NewClient(cfg.ControlSocket()).Status(cmd.Context())
			if err != nil {
				return err
			}
			if format == "json" {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(status)
			}
			return printStatus(cmd.OutOrStdout(), status)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "", `"json", or empty for a text`)
	return cmd
}

// printStatus prints and gives an error if something does not work.
func printStatus(out io.Writer, status control.Status) error {
	fmt.Fprintf(out, "%s as process %d since %s\nserver: %s\n", status.Phase, status.Pid, status.Began.Format(time.DateTime), status.Server)
	var faults []error
	for _, part := range slices.Sorted(maps.Keys(status.Parts)) {
		state := "works"
		if fault := status.Parts[part]; fault != "" {
			state = fault
			faults = append(faults, fmt.Errorf("%s does not work", part))
		}
		fmt.Fprintf(out, "  %-20s %s\n", part, state)
	}
	if status.Phase != control.Running {
		faults = append(faults, fmt.Errorf("the cluster is %s", status.Phase))
	}
	return errors.Join(faults...)
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version.Get().String())
			return err
		},
	}
}
