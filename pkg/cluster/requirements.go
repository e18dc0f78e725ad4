package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/proa-sh/proa/pkg/cluster/machine"
	"github.com/proa-sh/proa/pkg/cluster/preflight"
	"github.com/proa-sh/proa/pkg/network"
)

// minFree is what an empty cluster with its images takes, with room for a few more.
const minFree = 1 << 30

// Preflight says whether this machine can run the cluster, without changing anything. The error has a line for every
// reason why it cannot.
func Preflight(ctx context.Context, cfg Config) (warnings []string, err error) {
	needs := requirements(cfg)
	facts, err := preflight.Observe(ctx, needs)
	if err != nil {
		return nil, fmt.Errorf("look at this machine: %w", err)
	}
	var faults []error
	for _, problem := range preflight.Check(needs, facts) {
		if problem.Warning {
			warnings = append(warnings, problem.String())
			continue
		}
		faults = append(faults, errors.New(problem.String()))
	}
	if own, others, err := network.Closed(); err == nil { // else nftables is a fault above
		warnings = append(warnings, firewallWarnings(cfg, own, others)...)
	}
	records, err := cfg.readRecords()
	if err != nil {
		faults = append(faults, err)
	}
	if len(records) > 0 || cfg.Nodes > 1 {
		faults = append(faults, cfg.checkNodeNetwork())
	}
	return warnings, errors.Join(faults...)
}

// firewallWarnings tells of chains that drop packets which are passed on.
func firewallWarnings(cfg Config, own, others []string) []string {
	var warnings []string
	for _, chain := range own {
		warnings = append(warnings, fmt.Sprintf("chain %s drops what is passed on; rules in it let pods through while the cluster is up", chain))
	}
	for _, chain := range others {
		warnings = append(warnings, fmt.Sprintf("chain %s may drop packets of pods: let those from and to %v through there (with firewalld: "+
			"`firewall-cmd --permanent --zone=trusted --add-source=%v && firewall-cmd --reload`)", chain, cfg.PodCIDR, cfg.PodCIDR))
	}
	return warnings
}

// checkNodeNetwork says what else is in the network of nodes.
func (c Config) checkNodeNetwork() error {
	other, err := preflight.Overlap(c.NodeCIDR, c.nodesBridge())
	if err != nil {
		return err
	}
	if other != "" {
		return fmt.Errorf("network %v for nodes is not free (%s): choose another with --node-cidr", c.NodeCIDR, other)
	}
	return nil
}

func requirements(cfg Config) preflight.Needs {
	needs := preflight.Needs{
		DataDir: cfg.DataDir, Version: cfg.Version, MinFreeBytes: minFree, Alone: cfg.DataDir == DefaultDataDir,
		Programs: []preflight.Program{
			{Name: "runc", Install: "run `make setup`, or apt-get install runc"},
			{Name: "nft", Install: "run `make setup`, or apt-get install nftables"},
		},
	}
	for _, l := range cfg.ports() {
		needs.Addresses = append(needs.Addresses, preflight.Address{Address: fmt.Sprintf(":%d", l.port), Purpose: l.purpose, Flag: l.flag})
	}
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "cni/bridge", "cni/host-local", "cni/portmap"} {
		needs.Programs = append(needs.Programs, preflight.Program{Name: filepath.Join(cfg.BinDir, name), Install: "run `make tools`"})
	}
	for name, path := range cfg.Programs {
		needs.Programs = append(needs.Programs, preflight.Program{Name: path, Install: "give another path for " + name})
	}
	needs.Programs = append(needs.Programs, preflight.Program{Name: cfg.KeeperProgram(), Install: "run `make build`"})
	if cfg.Nodes > 1 {
		needs.Programs = append(needs.Programs, preflight.Program{Name: machine.Program(cfg.BinDir), Install: "run `make build`"})
	}
	return needs
}
