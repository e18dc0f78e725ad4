package etcd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// claimSocket removes a socket that nobody serves, left by a process that was killed, and refuses one that is served.
func (m *Member) claimSocket(ctx context.Context) error {
	err := m.connect(ctx)
	switch {
	case err == nil:
		return fmt.Errorf("start etcd in %q: %w: another process serves %q; stop it or choose another directory",
			m.cfg.Dir, syscall.EADDRINUSE, m.cfg.Socket)
	case errors.Is(err, os.ErrNotExist):
		return nil
	case errors.Is(err, syscall.ECONNREFUSED):
		if err := os.Remove(m.cfg.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove stale etcd socket: %w", err)
		}
		return nil
	default:
		return fmt.Errorf("examine etcd socket %q: %w", m.cfg.Socket, err)
	}
}

// connect tries whether somebody listens.
func (m *Member) connect(ctx context.Context) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", m.cfg.Socket)
	if err == nil {
		conn.Close()
	}
	return err
}

// announceSocket closes m.listening when etcd listens, which it does early and tells nobody. It is called before etcd is
// started; the returned function ends the look-out.
func (m *Member) announceSocket(ctx context.Context) (stop func(), err error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch for etcd's socket: %w", err)
	}
	if err := watcher.Add(filepath.Dir(m.cfg.Socket)); err != nil {
		return nil, errors.Join(fmt.Errorf("watch for etcd's socket: %w", err), watcher.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() {
		defer watcher.Close()
		if m.awaitSocket(ctx, watcher) {
			close(m.listening)
		}
	})
	return func() {
		// etcd has started or failed. If it has started, it listens: nothing is left to look out for.
		cancel()
		looking.Wait()
		select {
		case <-m.listening:
		default:
			if m.connect(context.WithoutCancel(ctx)) == nil {
				close(m.listening)
			}
		}
	}, nil
}

// awaitSocket is true when somebody listens on the socket. The file appears an instant before.
func (m *Member) awaitSocket(ctx context.Context, watcher *fsnotify.Watcher) bool {
	for {
		select {
		case event, open := <-watcher.Events:
			if !open {
				return false
			}
			if event.Name != m.cfg.Socket || !event.Has(fsnotify.Create) {
				continue
			}
		case <-ctx.Done():
			return false
		}
		retry := time.NewTicker(time.Millisecond)
		defer retry.Stop()
		for m.connect(ctx) != nil {
			select {
			case <-retry.C:
			case <-ctx.Done():
				return false
			}
		}
		return true
	}
}
