package command

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/proa-sh/proa/pkg/cluster"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/preflight"
)

// flags are those that every command has.
type flags struct {
	dataDir, binDir, nodeName, nodeIP string
	apiPort, kubeletPort, proxyPort   int
	podCIDR, serviceCIDR, nodeCIDR    string
	nodes, verbosity                  int
	configFile                        string
	programs                          map[string]string
	handlers                          []string
	// serve runs a cluster; it is cluster.Serve but in tests.
	serve func(context.Context, cluster.Config, *control.Timeline) error
	// ownSignals gives signals back their usual effect, for a command that handles them itself.
	ownSignals func()
}

// Main runs the command line and gives the exit status.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// The first signal ends what goes on in good order, a second one at once.
	defer context.AfterFunc(ctx, stop)()
	root := newRoot(&flags{serve: cluster.Serve, ownSignals: stop})
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		return cluster.ExitStatus(err)
	}
	return 0
}

func newRoot(f *flags) *cobra.Command {
	root := &cobra.Command{
		Use:           "proa",
		Short:         "A whole Kubernetes cluster on this machine",
		SilenceErrors: true,
		SilenceUsage:  true,
		// So that flags before `kubectl` are ours and those after it kubectl's.
		TraverseChildren: true,
	}
	set := root.PersistentFlags()
	set.StringVar(&f.configFile, configFlag, defaultConfigFile, "file with values for flags that are not given, one a line as in api-port: 7443; the default one need not exist")
	set.StringVar(&f.dataDir, "data-dir", cluster.DefaultDataDir, "directory that keeps the cluster's data; another one makes another cluster")
	set.StringVar(&f.binDir, "bin-dir", "", "directory with containerd, its helpers and the images (default: that of this program)")
	set.StringVar(&f.nodeName, "node-name", "", "name of this node (default: the host name)")
	set.StringVar(&f.nodeIP, "node-ip", "", "address of this node (default: that of the default route)")
	set.IntVar(&f.apiPort, "api-port", cluster.DefaultAPIPort, "port of the API server")
	set.IntVar(&f.kubeletPort, "kubelet-port", cluster.DefaultKubeletPort, "port of the kubelet")
	set.IntVar(&f.proxyPort, "proxy-health-port", cluster.DefaultProxyHealthPort, "port at which the service proxy tells its health")
	set.StringVar(&f.podCIDR, "pod-cidr", "", "network of the pods")
	set.StringVar(&f.serviceCIDR, "service-cidr", "", "network of the Services")
	set.StringVar(&f.nodeCIDR, "node-cidr", "", "network of further nodes on this machine")
	set.IntVar(&f.nodes, "nodes", 0, "how many nodes the cluster is to have at least, with this machine; the others are on it too")
	set.StringToStringVar(&f.programs, "program", nil, "COMPONENT=PATH: a program that takes the place of a part; components are "+strings.Join(cluster.ProgramNames(), ", "))
	set.StringSliceVar(&f.handlers, "runtime-handler", nil, "further names for the handlers of RuntimeClasses; all of them are runc")
	set.IntVarP(&f.verbosity, "verbosity", "v", 0, "how much the server logs")
	for _, cmd := range []*cobra.Command{newUp(f), newDown(f), newReset(f), newStatus(f), newLogs(f), newImage(f), newNode(f), newServer(f), newAgent()} {
		cmd.PersistentPreRunE = func(*cobra.Command, []string) error {
			if err := mustBeRoot(os.Geteuid()); err != nil {
				return err
			}
			return readConfigFile(set, f.configFile)
		}
		root.AddCommand(cmd)
	}
	root.AddCommand(newKubectl(f), newVersion())
	return root
}

// mustBeRoot says at once what the socket and the files of the cluster would say less clearly.
func mustBeRoot(user int) error {
	for _, problem := range preflight.CheckUser(user) {
		return errors.New(problem.String())
	}
	return nil
}

// config turns the flags into a cluster.
func (f *flags) config() (cluster.Config, error) {
	cfg, addressErr := cluster.DefaultConfig()
	cfg.UseDataDir(f.dataDir)
	cfg.APIPort, cfg.KubeletPort, cfg.ProxyHealthPort = f.apiPort, f.kubeletPort, f.proxyPort
	cfg.Nodes, cfg.Verbosity, cfg.Programs, cfg.RuntimeHandlers = f.nodes, f.verbosity, f.programs, f.handlers
	if f.binDir != "" {
		cfg.BinDir = f.binDir
	}
	if f.nodeName != "" {
		cfg.NodeName = f.nodeName
	}
	if f.nodeIP != "" {
		ip, err := netip.ParseAddr(f.nodeIP)
		if err != nil {
			return cfg, fmt.Errorf("read --node-ip: %w", err)
		}
		cfg.NodeIP = ip
	} else if addressErr != nil {
		return cfg, addressErr
	}
	for name, network := range map[string]struct {
		text   string
		target *netip.Prefix
	}{"--pod-cidr": {f.podCIDR, &cfg.PodCIDR}, "--service-cidr": {f.serviceCIDR, &cfg.ServiceCIDR}, "--node-cidr": {f.nodeCIDR, &cfg.NodeCIDR}} {
		if network.text == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(network.text)
		if err != nil {
			return cfg, fmt.Errorf("read %s: %w", name, err)
		}
		*network.target = prefix.Masked()
	}
	return cfg, cfg.Validate()
}

// serverArgs are the arguments by which another process makes the same cluster of its flags.
func (f *flags) serverArgs() []string {
	args := []string{"server", "--" + configFlag, "", "--data-dir", f.dataDir, "--verbosity", fmt.Sprint(f.verbosity),
		"--nodes", fmt.Sprint(f.nodes), "--api-port", fmt.Sprint(f.apiPort), "--kubelet-port", fmt.Sprint(f.kubeletPort), "--proxy-health-port", fmt.Sprint(f.proxyPort)}
	for name, value := range map[string]string{
		"--bin-dir": f.binDir, "--node-name": f.nodeName, "--node-ip": f.nodeIP, "--pod-cidr": f.podCIDR, "--service-cidr": f.serviceCIDR,
		"--node-cidr": f.nodeCIDR,
	} {
		if value != "" {
			args = append(args, name, value)
		}
	}
	for _, handler := range f.handlers {
		args = append(args, "--runtime-handler", handler)
	}
	for name, path := range f.programs {
		args = append(args, "--program", name+"="+path)
	}
	return args
}
