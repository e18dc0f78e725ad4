package inprocess

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// Transport carries requests to a handler in the same process.
type Transport struct {
	bound   chan struct{} // closed by Bind
	handler http.Handler  // valid once bound is closed
}

// NewTransport returns a transport that is not bound yet.
func NewTransport() *Transport { return &Transport{bound: make(chan struct{})} }

// Bind says which handler answers. Requests wait for it. It must be called once.
func (t *Transport) Bind(h http.Handler) {
	t.handler = h
	close(t.bound)
}

// RoundTrip calls the handler in a goroutine of its own, which ends with the request's context or when the caller closes
// the response's body.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case <-t.bound:
	case <-req.Context().Done():
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, req.Context().Err()
	}
	ctx, cancel := context.WithCancel(req.Context())
	in := req.Clone(ctx)
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/2.0", 2, 0
	in.RemoteAddr = "127.0.0.1:0"
	in.RequestURI = req.URL.RequestURI()
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := newResponse(req, cancel)
	go func() {
		defer in.Body.Close()
		defer func() {
			if r := recover(); r != nil {
				w.abort(fmt.Errorf("serve %s %s in process: %v", req.Method, req.URL.Path, r))
			}
		}()
		t.handler.ServeHTTP(w, in)
		w.finish()
	}()
	select {
	case <-w.started:
		if w.failure != nil {
			return nil, w.failure
		}
		return w.response, nil
	case <-req.Context().Done():
		// The handler's next write fails, since the body is broken off with the context.
		return nil, req.Context().Err()
	}
}

// response is the handler's ResponseWriter and the caller's http.Response: what is written to it can be read from the
// body, of which it holds no more than a buffer.
type response struct {
	response *http.Response
	header   http.Header
	pipe     *io.PipeWriter
	buffer   *bufio.Writer
	cancel   context.CancelFunc
	keep     func() bool // takes back that the body breaks off when the request's context ends
	start    sync.Once
	started  chan struct{}
	failure  error // valid once started is closed
}

const bufferBytes = 16 << 10

func newResponse(req *http.Request, cancel context.CancelFunc) *response {
	r, w := io.Pipe()
	out := &response{header: http.Header{}, pipe: w, cancel: cancel, started: make(chan struct{}), buffer: bufio.NewWriterSize(w, bufferBytes)}
	out.response = &http.Response{Proto: "HTTP/2.0", ProtoMajor: 2, Request: req, Body: &body{r, cancel}, ContentLength: -1}
	// Otherwise the handler would wait for ever on a caller that has gone without reading.
	out.keep = context.AfterFunc(req.Context(), func() { w.CloseWithError(req.Context().Err()) })
	return out
}

// body ends the handler when it is closed.
type body struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b *body) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}

// Header belongs to the handler until the response starts.
func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(code int) {
	w.start.Do(func() {
		w.response.StatusCode = code
		w.response.Status = strconv.Itoa(code) + " " + http.StatusText(code)
		w.response.Header = w.header.Clone()
		if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil {
			w.response.ContentLength = n
		}
		close(w.started)
	})
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.buffer.Write(p)
}

// Flush hands everything written so far to the reader.
func (w *response) Flush() {
	w.WriteHeader(http.StatusOK)
	// A reader that has gone makes the next write fail; Flush has no error to return.
	_ = w.buffer.Flush()
}

// CloseNotify is the old way to learn that the client has gone, which k8s.io/apiserver takes as the mark of a writer
// that can stream. Handlers use the request's context.
func (w *response) CloseNotify() <-chan bool { return nil }

func (w *response) finish() {
	w.Flush()
	w.keep()
	w.pipe.Close()
	w.cancel()
}

func (w *response) abort(err error) {
	w.start.Do(func() {
		w.failure = err
		close(w.started)
	})
	w.keep()
	w.pipe.CloseWithError(err)
	w.cancel()
}
