package component

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	"k8s.io/component-base/featuregate"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register" // --logging-format=json
	"k8s.io/component-base/term"
	"k8s.io/component-base/version"
	"k8s.io/component-base/version/verflag"
	"k8s.io/klog/v2"
)

// Options are a component's flags and configuration file as plain values.
type Options interface {
	// AddFlags adds the flags in sections.
	AddFlags(*cliflag.NamedFlagSets)
	// Validate returns every fault.
	Validate() []error
	// Run builds the component and runs it until ctx ends.
	Run(ctx context.Context) error
}

// Main runs a component as a program until SIGINT or SIGTERM, and exits. name is that of the binary; about is one
// sentence.
func Main(name, about string, o Options) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := NewCommand(name, about, o).ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// NewCommand returns the command of a component.
func NewCommand(name, about string, o Options) *cobra.Command {
	logging := logs.NewOptions()
	gates := newGateFlag(utilfeature.DefaultMutableFeatureGate)
	sections := &cliflag.NamedFlagSets{}
	command := &cobra.Command{
		Use: name, Long: about, SilenceUsage: true, SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown argument %q: %s takes only flags, see --help", args[0], name)
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			verflag.PrintAndExitIfRequested()
			// The features of logging have their defaults; a gate of their own keeps them out of the components' gates.
			gate := featuregate.NewFeatureGate()
			if err := logsapi.AddFeatureGates(gate); err != nil {
				return fmt.Errorf("set up logging: %w", err)
			}
			if err := logsapi.ValidateAndApply(logging, gate); err != nil {
				return err
			}
			defer logs.FlushLogs()
			warnings, errs := CheckSettings(command, o)
			for _, warning := range warnings {
				klog.FromContext(command.Context()).Info("Check the settings", "warning", warning)
			}
			if errs = append(errs, o.Validate()...); len(errs) > 0 {
				return utilerrors.NewAggregate(errs)
			}
			err := o.Run(withProgram(command.Context(), name, *sections))
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		},
	}
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return fmt.Errorf("%w, see %s --help", err, name)
	})
	o.AddFlags(sections)
	settingsOf(o).Flags.addFlags(sections.FlagSet("accepted without effect"))
	logsapi.AddFlags(logging, sections.FlagSet("logs"))
	verflag.AddFlags(sections.FlagSet("global"))
	globalflag.AddGlobalFlags(sections.FlagSet("global"), name, logs.SkipLoggingConfigurationFlags())
	for _, fs := range sections.FlagSets {
		command.Flags().AddFlagSet(fs)
	}
	if command.Flags().Lookup("feature-gates") == nil {
		gates.define(sections.FlagSet("global"))
		command.Flags().AddFlagSet(sections.FlagSet("global"))
	} else {
		gates.define(command.Flags())
	}
	columns, _, err := term.TerminalSize(command.OutOrStdout())
	if err != nil {
		columns = 0 // not a terminal: do not wrap
	}
	cliflag.SetUsageAndHelpFunc(command, *sections, columns)
	return command
}

// CheckSettings says what a user is to be told of the settings that were given to a command of NewCommand: warnings of what
// has no effect, and faults of what cannot be honored.
func CheckSettings(command *cobra.Command, o Options) (warnings []string, faults []error) {
	gates, ok := command.Flags().Lookup("feature-gates").Value.(*gateFlag)
	if !ok {
		return nil, []error{errors.New("--feature-gates is not that of a component")}
	}
	return settingsOf(o).check(command.Flags(), gates)
}

// settingsOf is what a component says of settings that it does not heed.
func settingsOf(o Options) Settings {
	if s, ok := o.(Settled); ok {
		return s.Accepted()
	}
	return Settings{}
}

// Version is the version that the binaries were stamped with.
func Version() string { return version.Get().GitVersion }
