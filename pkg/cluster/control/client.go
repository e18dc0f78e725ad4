package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
)

// ErrNotRunning means that nobody serves the socket.
var ErrNotRunning = errors.New("proa does not run")

// Client asks a running cluster.
type Client struct {
	http http.Client
}

// NewClient makes a client of the cluster that serves the socket.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", socket)
	}
	return &Client{http: http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Status asks how the cluster is. The error is ErrNotRunning if it does not run.
func (c *Client) Status(ctx context.Context) (Status, error) {
	body, err := c.do(ctx, http.MethodGet, "/status")
	if err != nil {
		return Status{}, err
	}
	defer body.Close()
	var status Status
	if err := json.NewDecoder(body).Decode(&status); err != nil {
		return Status{}, fmt.Errorf("read status: %w", err)
	}
	return status, nil
}

// Stop asks the cluster to stop, and returns at once.
func (c *Client) Stop(ctx context.Context, how How) error {
	body, err := c.do(ctx, http.MethodPost, fmt.Sprintf("/stop?pods=%t&now=%t", how.Pods, how.Now))
	if err != nil {
		return err
	}
	return body.Close()
}

// Follow calls fn with every message from the beginning until the cluster ends or fn returns false.
func (c *Client) Follow(ctx context.Context, fn func(Message) bool) error {
	body, err := c.do(ctx, http.MethodGet, "/events")
	if err != nil {
		return err
	}
	defer body.Close()
	return ReadMessages(body, fn)
}

// ReadMessages calls fn with every message of a stream until its end or until fn returns false.
func ReadMessages(stream io.Reader, fn func(Message) bool) error {
	for decoder := json.NewDecoder(stream); ; {
		var m Message
		err := decoder.Decode(&m)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read news of the cluster: %w", err)
		}
		if !fn(m) {
			return nil
		}
	}
}

func (c *Client) do(ctx context.Context, method, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://proa"+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	// A process that dies at this moment resets the connection.
	for _, gone := range []error{os.ErrNotExist, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, io.EOF} {
		if errors.Is(err, gone) {
			return nil, ErrNotRunning
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ask proa: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		response.Body.Close()
		return nil, fmt.Errorf("ask proa: %s", response.Status)
	}
	return response.Body, nil
}
