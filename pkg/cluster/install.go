package cluster

import (
	"context"
	"errors"

	"github.com/proa-sh/proa/pkg/cluster/ledger"
	"github.com/proa-sh/proa/pkg/cluster/unit"
)

// Unit is the cluster's service where systemd is the machine's init.
func (c Config) Unit() unit.Service { return unit.At(c.Name) }

// Install has systemd run the cluster's server, also when the machine starts, until TakeDown. made says that it did not before. The
// cluster must not be running.
func Install(ctx context.Context, cfg Config, u unit.Unit) (made bool, err error) {
	service := cfg.Unit()
	exists, err := service.Exists()
	if err != nil {
		return false, err
	}
	unlock, err := lock(cfg)
	if err != nil {
		return false, err
	}
	defer unlock()
	l, err := ledger.Open(cfg.LedgerFile())
	if err != nil {
		return false, err
	}
	defer l.Close()
	if err := l.Unit(service.File); err != nil {
		return false, err
	}
	err = service.Install(ctx, u)
	if err != nil && !exists {
		err = errors.Join(err, service.Remove(ctx))
	}
	return !exists, err
}
