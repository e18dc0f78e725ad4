package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// drainTimeout is how long requests may take to end after the server was told to.
	drainTimeout = 2 * time.Second
	headerLimit  = 64 << 10 // bytes
	headerWait   = 30 * time.Second
	// maxStreams bounds the requests of one HTTP/2 connection.
	maxStreams = 100
)

// serve serves until ctx ends and returns when all handlers have. http.Server does not know connections that a handler
// has taken over for a stream, so they are kept here and closed at the end.
func serve(ctx context.Context, server *http.Server, listener net.Listener) error {
	streams := streams{open: map[net.Conn]struct{}{}}
	server.ReadHeaderTimeout, server.MaxHeaderBytes = headerWait, headerLimit
	server.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: maxStreams}
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	server.ConnState = streams.track
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
	var handlers sync.WaitGroup
	inner := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		defer streams.drop(r.Context().Value(connKey{}).(net.Conn))
		inner.ServeHTTP(w, r)
	})
	ended := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			ended <- server.ServeTLS(listener, "", "")
			return
		}
		ended <- server.Serve(listener)
	}()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if server.Shutdown(drain) != nil {
			// Requests that did not end in time lose their connection; Close itself can only fail on the listener, which
			// Shutdown has closed.
			_ = server.Close()
		}
		err = <-ended
	}
	streams.close()
	handlers.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
}

// connKey finds the connection of a request in its context.
type connKey struct{}

// streams are the connections that handlers have taken over, until the handler ends.
type streams struct {
	mu     sync.Mutex
	open   map[net.Conn]struct{} // guarded by mu
	closed bool                  // guarded by mu
}

func (s *streams) track(conn net.Conn, state http.ConnState) {
	if state != http.StateHijacked {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return
	}
	s.open[conn] = struct{}{}
	startStream(conn)
}

// drop forgets the connection of a handler that ended; most were never taken over.
func (s *streams) drop(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

func (s *streams) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for conn := range s.open {
		conn.Close()
	}
}
