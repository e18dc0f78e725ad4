package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/proa-sh/proa/pkg/cluster/control"
)

func newNode(f *flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Further nodes on this machine",
		Long: "Further nodes on this machine. Each has its own network, processes and mounts, its own containerd, kubelet and service\n" +
			"proxy, and its own data. The first node is the machine itself.",
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List the nodes", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return listNodes(cmd, f) },
		},
		newNodeAction(f, control.AddNode, "add [NAME]", "Add a node and wait until it is ready", cobra.MaximumNArgs(1), "is ready"),
		newNodeAction(f, control.StopNode, "stop NAME", "Cut the power of a node: all its processes end at once", cobra.ExactArgs(1), "is off"),
		newNodeAction(f, control.StartNode, "start NAME", "Start a node that is off and wait until it is ready", cobra.ExactArgs(1), "is ready"),
		newNodeAction(f, control.DeleteNode, "delete NAME", "End a node with its pods and remove it with its data", cobra.ExactArgs(1), "is deleted"))
	return cmd
}

// newNodeAction is a command that has the cluster do something with one node.
func newNodeAction(f *flags, action, use, short string, args cobra.PositionalArgs, done string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.config()
			if err != nil {
				return err
			}
			name, err := control.NewClient(cfg.ControlSocket()).Node(cmd.Context(), action, strings.Join(args, ""))
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "Node %s %s.\n", name, done)
			}
			return err
		},
	}
}

func listNodes(cmd *cobra.Command, f *flags) error {
	cfg, err := f.config()
	if err != nil {
		return err
	}
	status, err := control.NewClient(cfg.ControlSocket()).Status(cmd.Context())
	if err != nil {
		return err
	}
	return printNodes(cmd.OutOrStdout(), status.Nodes)
}

func printNodes(out io.Writer, nodes []control.Node) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tADDRESS\tPODS\tSTATE")
	for _, node := range nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", node.Name, node.Address, node.PodCIDR, stateOf(node))
	}
	return w.Flush()
}

func stateOf(node control.Node) string {
	if node.Fault != "" {
		return "not ready: " + node.Fault
	}
	return "ready"
}

// ensureNodes adds to a running cluster the nodes that it lacks, and gives an error if one of those that it has is not ready.
func ensureNodes(ctx context.Context, out io.Writer, client *control.Client, wanted int) error {
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	have := len(status.Nodes)
	if wanted > 0 && have > wanted {
		fmt.Fprintf(out, "It has %d nodes, and keeps them: `proa node delete` takes one away.\n", have)
	}
	var group errgroup.Group
	for range wanted - have {
		group.Go(func() error {
			name, err := client.Node(ctx, control.AddNode, "")
			if err == nil {
				fmt.Fprintf(out, "Node %s is ready.\n", name)
			}
			return err
		})
	}
	faults := []error{group.Wait()}
	for _, node := range status.Nodes {
		if node.Fault != "" {
			faults = append(faults, fmt.Errorf("node %s is not ready: %s", node.Name, node.Fault))
		}
	}
	return errors.Join(faults...)
}
