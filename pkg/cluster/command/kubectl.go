package command

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/component-base/logs"
	"k8s.io/kubectl/pkg/cmd"
)

// newKubectl is the kubectl of this version, for this cluster unless KUBECONFIG says otherwise.
func newKubectl(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:                "kubectl ...",
		Short:              "Run kubectl against the cluster",
		DisableFlagParsing: true, // all flags are kubectl's
		RunE: func(parent *cobra.Command, args []string) error {
			if f.ownSignals != nil {
				f.ownSignals() // kubectl's commands end by them, each in its way
			}
			if os.Getenv("KUBECONFIG") == "" {
				cfg, err := f.config()
				if err != nil {
					return err
				}
				if err := os.Setenv("KUBECONFIG", cfg.AdminKubeconfig()); err != nil {
					return fmt.Errorf("set KUBECONFIG: %w", err)
				}
			}
			kubectl := cmd.NewDefaultKubectlCommandWithArgs(cmd.KubectlOptions{
				PluginHandler: cmd.NewDefaultPluginHandler([]string{"kubectl"}),
				Arguments:     append([]string{"kubectl"}, args...),
				ConfigFlags:   genericclioptions.NewConfigFlags(true).WithDeprecatedPasswordFlag().WithDiscoveryBurst(300).WithDiscoveryQPS(50),
				IOStreams:     genericiooptions.IOStreams{In: parent.InOrStdin(), Out: parent.OutOrStdout(), ErrOut: parent.ErrOrStderr()},
			})
			// As its own main program does: -v and the like, which count from the start.
			logs.AddFlags(kubectl.PersistentFlags())
			if _, err := logs.GlogSetter(cmd.GetLogVerbosity(append([]string{"kubectl"}, args...))); err != nil {
				return fmt.Errorf("read -v: %w", err)
			}
			kubectl.SetArgs(args)
			return kubectl.ExecuteContext(context.WithoutCancel(parent.Context()))
		},
	}
}
