package containerd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
)

// notifySocket receives the daemon's word that it serves, as sd_notify(3) defines it.
type notifySocket struct {
	path  string
	ready chan struct{} // closed at READY=1
	conn  *net.UnixConn
	done  sync.WaitGroup
}

func listenNotify(path string) (*notifySocket, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old notify socket: %w", err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("make notify socket: %w", err)
	}
	n := &notifySocket{path: path, ready: make(chan struct{}), conn: conn}
	n.done.Go(n.receive)
	return n, nil
}

// awaitNotify makes the socket, and gives what the daemon must know of it and a function that waits for its word.
func awaitNotify(path string) (env []string, wait func(context.Context) error, err error) {
	n, err := listenNotify(path)
	if err != nil {
		return nil, nil, err
	}
	return []string{"NOTIFY_SOCKET=" + path}, func(ctx context.Context) error {
		defer n.close()
		select {
		case <-n.ready:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}, nil
}

// receive reads until READY=1 or until the socket is closed.
func (n *notifySocket) receive() {
	buffer := make([]byte, 4096)
	for {
		size, _, err := n.conn.ReadFromUnix(buffer)
		if err != nil {
			return
		}
		if slices.Contains(strings.Split(string(buffer[:size]), "\n"), "READY=1") {
			close(n.ready)
			return
		}
	}
}

func (n *notifySocket) close() {
	n.conn.Close() // removes the socket too
	n.done.Wait()
}
