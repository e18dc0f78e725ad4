package etcd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap"
	"k8s.io/klog/v2"
)

// Config says where the member lives.
type Config struct {
	// Dir holds the member's data; it is made, with mode 0700, if it does not exist.
	Dir string
	// Socket is the path of the unix socket for clients, at most 107 bytes (a limit of the kernel). Who can enter its
	// directory can read and write everything, so that directory must be root's alone.
	Socket string
	// QuotaBytes bounds the database; 0 means 8 GiB. At the bound etcd refuses writes until space is freed.
	QuotaBytes int64
	// Logger gets what etcd has to say; nil discards it.
	Logger *zap.Logger
}

// Member is one etcd member. Start it with Run.
type Member struct {
	cfg       Config
	listening chan struct{}
	ready     chan struct{}

	mu     sync.Mutex
	client *clientv3.Client // guarded by mu; set once, before ready is closed
}

// New checks the configuration and makes the directories. It does not open the database.
func New(cfg Config) (*Member, error) {
	if cfg.QuotaBytes == 0 {
		cfg.QuotaBytes = 8 << 30
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if err := checkSocket(cfg.Socket); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make etcd directory %q: %w", cfg.Dir, err)
	}
	// An existing directory that others may read would fail etcd's own check with a less helpful text.
	if err := os.Chmod(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("protect etcd directory %q: %w", cfg.Dir, err)
	}
	if err := os.MkdirAll(filepath.Dir(cfg.Socket), 0o700); err != nil {
		return nil, fmt.Errorf("make directory of etcd socket %q: %w", cfg.Socket, err)
	}
	return &Member{cfg: cfg, listening: make(chan struct{}), ready: make(chan struct{})}, nil
}

// maxSocketPath is the size of sun_path in the kernel's sockaddr_un, less its final zero byte.
const maxSocketPath = 107

func checkSocket(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("etcd socket %q must be an absolute path", path)
	}
	if len(path) > maxSocketPath {
		return fmt.Errorf("etcd socket %q has %d bytes, a unix socket's path may have %d: choose a shorter directory",
			path, len(path), maxSocketPath)
	}
	return nil
}

// Endpoint is the address for clients that come through the socket, as client v3 and the API server's
// --etcd-servers take it.
func (m *Member) Endpoint() string { return "unix://" + m.cfg.Socket }

// Listening is closed when clients can connect to the socket. They are answered when the member is Ready, which is later:
// whoever has much else to do before may begin with it. It is never closed if Run fails before.
func (m *Member) Listening() <-chan struct{} { return m.listening }

// Ready is closed when the member leads itself and serves. It is never closed if Run fails before.
func (m *Member) Ready() <-chan struct{} { return m.ready }

// Client calls the member in memory, without socket or gRPC. It is nil until Ready; it ends with Run and must not be
// closed by its users.
func (m *Member) Client() *clientv3.Client {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.client
}

// Healthy says why the member does not serve, or nil. It reads what all members, here one, have agreed on.
func (m *Member) Healthy(ctx context.Context) error {
	client := m.Client()
	if client == nil {
		return errors.New("etcd has not come up yet")
	}
	if _, err := client.Get(ctx, "health"); err != nil {
		return fmt.Errorf("read from etcd: %w", err)
	}
	return nil
}

// Run opens the database and serves until ctx ends, then closes it. It returns early with an error if the member
// cannot start or dies.
func (m *Member) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx)
	if err := m.claimSocket(ctx); err != nil {
		return err
	}
	stopLooking, err := m.announceSocket(ctx)
	if err != nil {
		return err
	}
	server, err := open(m.settings())
	stopLooking()
	if err != nil {
		return explainStart(m.cfg, err)
	}
	defer server.Close()
	select {
	case <-server.Server.ReadyNotify():
	case err := <-server.Err():
		return fmt.Errorf("serve etcd from %q: %w", m.cfg.Dir, err)
	case <-server.Server.StopNotify():
		return fmt.Errorf("start etcd in %q: the member stopped by itself", m.cfg.Dir)
	case <-ctx.Done():
		return nil
	}
	client := v3client.New(server.Server)
	defer client.Close()
	m.mu.Lock()
	m.client = client
	m.mu.Unlock()
	close(m.ready)
	logger.V(2).Info("Serving etcd", "dir", m.cfg.Dir, "endpoint", m.Endpoint())
	select {
	case <-ctx.Done():
		return nil
	case err := <-server.Err():
		return fmt.Errorf("serve etcd from %q: %w", m.cfg.Dir, err)
	case <-server.Server.StopNotify():
		return fmt.Errorf("serve etcd from %q: the member stopped by itself", m.cfg.Dir)
	}
}

// open starts etcd. The library panics on data that it cannot make sense of; that must not take the process along
// without a word about which data it is.
func open(settings *embed.Config) (server *embed.Etcd, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the data is damaged: %v", fault)
		}
	}()
	return embed.StartEtcd(settings)
}

// explainStart adds to etcd's error what to do about it.
func explainStart(cfg Config, err error) error {
	advice := "see the error; if the data cannot be read, restore a backup or remove the directory to begin anew"
	switch {
	case errors.Is(err, syscall.ENOSPC):
		advice = "free space on its disk"
	case errors.Is(err, syscall.EADDRINUSE):
		advice = "stop the other process that serves " + cfg.Socket
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EPERM):
		advice = "make it writable for root"
	}
	return fmt.Errorf("start etcd in %q: %w (%s)", cfg.Dir, err, advice)
}

func unixURL(path string) url.URL { return url.URL{Scheme: "unix", Path: path} }
