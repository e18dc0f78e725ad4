package server

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

// idleListener gives connections that end when they carry a stream on which nothing moves.
type idleListener struct {
	net.Listener
	timeout time.Duration
}

// Accept implements net.Listener.
func (l idleListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &idleConn{Conn: conn, timeout: l.timeout}, nil
}

// idleConn pushes its deadline back with every read and write, once it carries a stream. Before that the deadlines are
// those of http.Server.
type idleConn struct {
	net.Conn
	timeout time.Duration
	stream  atomic.Bool
}

func (c *idleConn) moved() error {
	if !c.stream.Load() {
		return nil
	}
	return c.Conn.SetDeadline(time.Now().Add(c.timeout))
}

// Read implements net.Conn.
func (c *idleConn) Read(data []byte) (int, error) {
	if err := c.moved(); err != nil {
		return 0, err
	}
	return c.Conn.Read(data)
}

// Write implements net.Conn.
func (c *idleConn) Write(data []byte) (int, error) {
	if err := c.moved(); err != nil {
		return 0, err
	}
	return c.Conn.Write(data)
}

// startStream makes a connection that a handler has taken over end when it is idle.
func startStream(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if idle, ok := conn.(*idleConn); ok {
		idle.stream.Store(true)
		// A connection that is closed already has no deadline to set; its reader finds out by itself.
		_ = idle.moved()
	}
}
