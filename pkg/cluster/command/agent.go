package command

import (
	"context"
	"sync"

	"github.com/spf13/cobra"

	"github.com/proa-sh/proa/pkg/cluster/agent"
	"github.com/proa-sh/proa/pkg/cluster/footprint"
)

// newAgent is how a further node starts this program.
func newAgent() *cobra.Command {
	return &cobra.Command{
		Use:    agent.Command + " FILE",
		Short:  "Run the parts of a further node; proa starts it",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := agent.Read(args[0])
			if err != nil {
				return err
			}
			ctx, closeLog, err := withLog(cmd.Context(), cfg.Verbosity, cfg.Node.AgentLog())
			if err != nil {
				return err
			}
			defer closeLog()
			keeping, ended := context.WithCancel(ctx)
			var beside sync.WaitGroup
			beside.Go(func() { footprint.Run(keeping) })
			err = agent.Run(ctx, cfg)
			ended()
			beside.Wait()
			return err
		},
	}
}
