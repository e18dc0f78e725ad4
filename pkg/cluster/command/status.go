package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
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
				err = encoder.Encode(status)
			} else {
				printStatus(cmd.OutOrStdout(), status)
			}
			return errors.Join(err, faultOf(status))
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "", `"json", or empty for a text`)
	return cmd
}

func printStatus(out io.Writer, status control.Status) {
	fmt.Fprintf(out, "%s as process %d since %s\nserver: %s\n", status.Phase, status.Pid, status.Began.Format(time.DateTime), status.Server)
	for _, part := range slices.Sorted(maps.Keys(status.Parts)) {
		state := "works"
		if fault := status.Parts[part]; fault != "" {
			state = fault
		}
		fmt.Fprintf(out, "  %-20s %s\n", part, state)
	}
	for _, fall := range status.Falls {
		fmt.Fprintln(out, fall)
	}
	if n := len(status.Falls); n > 0 && status.Falls[n-1].Stack != "" {
		fmt.Fprintln(out, "  "+strings.ReplaceAll(strings.TrimSpace(status.Falls[n-1].Stack), "\n", "\n  "))
	}
	for _, node := range status.Nodes {
		fmt.Fprintf(out, "node %s: %s\n", node.Name, stateOf(node))
	}
	if pods := status.Pods; pods != nil {
		fmt.Fprintf(out, "pods: %d, of them %d ready", pods.All, pods.Ready)
		for _, rest := range []struct {
			count int
			word  string
		}{{pods.Completed, "completed"}, {pods.Failed, "failed"}, {pods.Ending, "ending"},
			{pods.All - pods.Ready - pods.Completed - pods.Failed - pods.Ending, "not ready"}} {
			if rest.count > 0 {
				fmt.Fprintf(out, ", %d %s", rest.count, rest.word)
			}
		}
		fmt.Fprintln(out)
	}
}

// faultOf names what does not work.
func faultOf(status control.Status) error {
	var faults []string
	for _, part := range slices.Sorted(maps.Keys(status.Parts)) {
		if status.Parts[part] != "" {
			faults = append(faults, part)
		}
	}
	for _, node := range status.Nodes {
		if node.Fault != "" {
			faults = append(faults, "node "+node.Name)
		}
	}
	switch {
	case status.Phase != control.Running:
		return fmt.Errorf("the cluster is %s", status.Phase)
	case len(faults) > 0:
		return fmt.Errorf("not working: %s", strings.Join(faults, ", "))
	}
	return nil
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
