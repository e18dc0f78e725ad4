package histories

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// verdict says what becomes of a request that waits.
type verdict struct {
	// status answers in place of the server; 0 lets it answer. With done the server has done what it was asked for all
	// the same, as when its own store was too slow to say so.
	status int
	done   bool
	// lost does what the request asks for and never answers, as when the server or the client dies after the commit.
	lost bool
}

// call is a request of a controller that waits to be served.
type call struct {
	who, method, path, query string
	body                     []byte
	verdict                  chan verdict
	// served is closed when the server has done it, answer when the controller may learn of it.
	served, answer chan struct{}
}

// order puts requests that wait at the same time into an order that is the same in each run.
func (c *call) order() string {
	return strings.Join([]string{c.who, c.method, c.path, c.query, string(c.body)}, "\x00")
}

// write says whether the request changes anything.
func (c *call) write() bool { return c.method != http.MethodGet }

// ofCollection says whether the request deletes all objects of a kind.
func (c *call) ofCollection() bool { return c.method == http.MethodDelete && len(parts(c.path)) == 1 }

// difference tells what the request has changed.
func (c *call) difference(before, after map[string]any) string {
	if c.ofCollection() {
		return leftOf(before, after)
	}
	return difference(before, after)
}

// wires carry the requests of all controllers. A request waits until the world decides what becomes of it, so nothing
// happens at the same time as something else, and everything can happen in any order.
type wires struct {
	next    http.RoundTripper
	arrived chan struct{} // of capacity 1

	mu      sync.Mutex
	waiting []*call // guarded by mu
}

// wire is the connection of one controller in one life of its program.
type wire struct {
	*wires
	life context.Context // some requests of libraries have no context that would end with the program
	who  string
}

// RoundTrip implements http.RoundTripper. Watches do not wait: what they show is held back in the database.
func (w wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Query().Get("watch") != "" {
		return w.next.RoundTrip(req)
	}
	c := &call{
		who: w.who, method: req.Method, path: req.URL.Path, query: req.URL.RawQuery,
		verdict: make(chan verdict, 1), served: make(chan struct{}), answer: make(chan struct{}),
	}
	if req.Body != nil {
		defer req.Body.Close()
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, fmt.Errorf("read body: %w", err)
		}
		c.body = body
	}
	w.park(c)
	select {
	case v := <-c.verdict:
		return w.serve(req, c, v)
	case <-req.Context().Done():
		w.forget(c)
		return nil, req.Context().Err()
	case <-w.life.Done():
		w.forget(c)
		return nil, w.life.Err()
	}
}

// serve does what the verdict says, and answers when the world has looked at it.
func (w wire) serve(req *http.Request, c *call, v verdict) (*http.Response, error) {
	response, err := w.result(req, c, v)
	close(c.served)
	if v.lost {
		<-w.life.Done()
		return nil, w.life.Err()
	}
	<-c.answer
	return response, err
}

func (w wire) result(req *http.Request, c *call, v verdict) (*http.Response, error) {
	if v.status != 0 && !v.done {
		return failure(req, v.status), nil
	}
	// What the server has begun it ends, whether the client is still there or not.
	in := req.Clone(context.WithoutCancel(req.Context()))
	in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(c.body)), int64(len(c.body))
	response, err := buffered(w.next.RoundTrip(in))
	if v.done {
		return failure(req, v.status), nil
	}
	return response, err
}

// buffered reads a response whole, so that its caller has nothing to wait for.
func buffered(response *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read response: %w", err)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// failure is the answer of a server that cannot do what it was asked for.
func failure(req *http.Request, status int) *http.Response {
	body, err := json.Marshal(map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": http.StatusText(status),
		"reason": map[int]string{500: "InternalError", 504: "Timeout", 403: "Forbidden", 409: "Conflict", 429: "TooManyRequests"}[status],
	})
	if err != nil {
		panic(err) // of strings and numbers it cannot fail
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/2.0", ProtoMajor: 2, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)),
	}
}

func (w *wires) park(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(w.waiting, c)
	w.arrive()
}

// arrive tells that somebody waits.
func (w *wires) arrive() {
	select {
	case w.arrived <- struct{}{}:
	default: // it is known, already
	}
}

func (w *wires) forget(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = slices.DeleteFunc(w.waiting, func(other *call) bool { return other == c })
}

// take removes the request that pick chooses among those that wait, in their order; nil means that none waits.
func (w *wires) take(pick func(count int) int) *call {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		return nil
	}
	slices.SortFunc(w.waiting, func(a, b *call) int { return strings.Compare(a.order(), b.order()) })
	at := pick(len(w.waiting))
	c := w.waiting[at]
	w.waiting = slices.Delete(w.waiting, at, at+1)
	return c
}
