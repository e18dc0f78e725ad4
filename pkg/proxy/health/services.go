package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/proa-sh/proa/pkg/proxy/model"
	"k8s.io/apimachinery/pkg/types"
)

// headerTimeout bounds how long a client may take to ask.
const headerTimeout = 10 * time.Second

// Services serves one port for each Service with a health check.
type Services struct {
	proxyHealthy func() bool

	mu sync.Mutex
	// servers and addrs are guarded by mu.
	servers map[types.NamespacedName]*server
	addrs   []netip.Addr
}

type server struct {
	check model.HealthCheck
	http  []*http.Server
	// done is closed by each server's goroutine.
	done sync.WaitGroup
}

// NewServices returns servers that also ask whether the proxy itself is healthy. The
// owner must call Close.
func NewServices(proxyHealthy func() bool) *Services {
	return &Services{proxyHealthy: proxyHealthy, servers: map[types.NamespacedName]*server{}}
}

// SetAddresses chooses the node addresses to listen at for Services set from now on;
// none: all addresses.
func (s *Services) SetAddresses(addrs []netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addrs = addrs
}

// Set starts, changes or, without a check, stops the server of a Service. On an error
// to listen, Set can be called again.
func (s *Services) Set(ctx context.Context, service types.NamespacedName, check *model.HealthCheck) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.servers[service]
	if current != nil && check != nil && current.check.Port == check.Port {
		current.check.LocalEndpoints = check.LocalEndpoints
		return nil
	}
	if current != nil {
		delete(s.servers, service)
		current.stop()
	}
	if check == nil {
		return nil
	}
	started, err := s.start(ctx, *check)
	if err != nil {
		return fmt.Errorf("serve health check of Service %s at port %d: %w", service, check.Port, err)
	}
	s.servers[service] = started
	return nil
}

// start listens at all addresses or at none.
func (s *Services) start(ctx context.Context, check model.HealthCheck) (*server, error) {
	hosts := []string{""}
	if len(s.addrs) > 0 {
		hosts = nil
		for _, addr := range s.addrs {
			hosts = append(hosts, addr.String())
		}
	}
	started := &server{check: check}
	var listeners []net.Listener
	for _, host := range hosts {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(check.Port))))
		if err != nil {
			for _, opened := range listeners {
				err = errors.Join(err, opened.Close())
			}
			return nil, err
		}
		listeners = append(listeners, listener)
	}
	for _, listener := range listeners {
		one := &http.Server{Handler: s.handler(check.Service), ReadHeaderTimeout: headerTimeout}
		started.http = append(started.http, one)
		started.done.Go(func() {
			// Serve always returns an error, of which Close is the cause.
			_ = one.Serve(listener)
		})
	}
	return started, nil
}

func (s *server) stop() {
	for _, one := range s.http {
		_ = one.Close()
	}
	s.done.Wait()
}

// Close stops all servers.
func (s *Services) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, one := range s.servers {
		delete(s.servers, name)
		one.stop()
	}
}

func (s *Services) localEndpoints(service types.NamespacedName) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.servers[service]; one != nil {
		return one.check.LocalEndpoints
	}
	return 0
}

func (s *Services) handler(service types.NamespacedName) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		count, healthy := s.localEndpoints(service), s.proxyHealthy()
		w.Header().Set("X-Load-Balancing-Endpoint-Weight", strconv.Itoa(count))
		answer(w, count > 0 && healthy, map[string]any{
			"service":             map[string]string{"namespace": service.Namespace, "name": service.Name},
			"localEndpoints":      count,
			"serviceProxyHealthy": healthy,
		})
	})
}
