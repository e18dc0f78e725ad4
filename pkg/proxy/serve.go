package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/vishvananda/netlink"
	"k8s.io/klog/v2"
)

const (
	// listenRetry is the wait until an occupied address is tried again.
	listenRetry = 5 * time.Second
	// headerTimeout bounds how long a client may take to ask.
	headerTimeout = 10 * time.Second
)

// serveHealth serves /healthz and /livez until ctx ends.
func (p *Proxy) serveHealth(ctx context.Context) error {
	if p.config.HealthzBindAddress == "" {
		return nil
	}
	listener, err := p.listen(ctx)
	if err != nil || listener == nil {
		return err
	}
	server := &http.Server{Handler: p.state.Handler(), ReadHeaderTimeout: headerTimeout}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve health at %s: %w", p.config.HealthzBindAddress, err)
	}
	return nil
}

// listen returns nil, nil when ctx ends first.
func (p *Proxy) listen(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	for {
		listener, err := config.Listen(ctx, "tcp", p.config.HealthzBindAddress)
		if err == nil {
			return listener, nil
		}
		if ctx.Err() != nil {
			return nil, nil
		}
		if p.config.BindAddressHardFail {
			return nil, fmt.Errorf("listen for health requests: %w", err)
		}
		klog.FromContext(ctx).Error(err, "Could not listen for health requests", "retryAfter", listenRetry)
		if !sleep(ctx, listenRetry) {
			return nil, nil
		}
	}
}

// watchAddresses looks at all Services again when the node's addresses change, if node
// ports are served at some of them.
func (p *Proxy) watchAddresses(ctx context.Context) {
	if len(p.config.NodePortAddresses) == 0 {
		return
	}
	updates := make(chan netlink.AddrUpdate)
	err := netlink.AddrSubscribeWithOptions(updates, ctx.Done(), netlink.AddrSubscribeOptions{
		ErrorCallback: func(err error) {
			klog.FromContext(ctx).V(2).Info("Lost reports of address changes", "reason", err)
			p.tracker.markAll()
		},
	})
	if err != nil {
		klog.FromContext(ctx).Error(err, "Could not watch the node's addresses, node ports keep those of now")
		return
	}
	for range updates {
		p.tracker.markAll()
	}
}
