package inprocess

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// serve returns a transport that is bound to the handler.
func serve(h http.HandlerFunc) *Transport {
	t := NewTransport()
	t.Bind(h)
	return t
}

func newRequest(t *testing.T, ctx context.Context, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "POST", "https://host/path?q=1", body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTransport runs in bubbles, which fail if a goroutine is left when the test has ended.
func TestTransport(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"answers": answers, "streams": streams, "waits until it is bound": waits, "panic before the answer": panicsEarly,
		"panic in the body": panicsLate, "caller closes the body": closesBody, "caller goes before the answer": goesEarly,
		"caller goes without reading": goesUnread,
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
}

func answers(t *testing.T) {
	response, err := serve(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Sent", string(sent))
		w.Header().Set("X-Seen", r.Host+r.RequestURI)
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("X-Sent", "too late")
		io.WriteString(w, strings.Repeat("x", 3*bufferBytes))
	}).RoundTrip(newRequest(t, t.Context(), strings.NewReader("hello")))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || len(body) != 3*bufferBytes {
		t.Errorf("body of %d bytes, %v; want %d", len(body), err, 3*bufferBytes)
	}
	if response.StatusCode != http.StatusTeapot || response.Header.Get("X-Sent") != "hello" || response.Header.Get("X-Seen") != "host/path?q=1" {
		t.Errorf("got %d, %v", response.StatusCode, response.Header)
	}
}

// streams checks that what was flushed arrives before the handler has ended.
func streams(t *testing.T) {
	next := make(chan string)
	go func() { next <- "" }() // the answer begins with the first flush
	response, err := serve(func(w http.ResponseWriter, _ *http.Request) {
		for line := range next {
			io.WriteString(w, line)
			w.(http.Flusher).Flush()
		}
	}).RoundTrip(newRequest(t, t.Context(), nil))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for _, line := range []string{"one", "two"} {
		next <- line
		got := make([]byte, len(line))
		if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != line {
			t.Fatalf("read %q, %v; want %q", got, err, line)
		}
	}
	close(next)
	if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
		t.Errorf("at the end: got %q, %v", rest, err)
	}
}

func waits(t *testing.T) {
	transport := NewTransport()
	ctx, stop := context.WithCancel(t.Context())
	body := &closable{Reader: strings.NewReader("")}
	refused := make(chan error, 1)
	go func() {
		_, err := transport.RoundTrip(newRequest(t, ctx, body))
		refused <- err
	}()
	synctest.Wait()
	stop()
	if err := <-refused; !errors.Is(err, context.Canceled) || !body.closed {
		t.Errorf("unbound, the caller gone: got %v, body closed: %v", err, body.closed)
	}
	answered := make(chan error, 1)
	go func() {
		response, err := transport.RoundTrip(newRequest(t, t.Context(), nil))
		if err == nil {
			err = response.Body.Close()
		}
		answered <- err
	}()
	synctest.Wait()
	transport.Bind(http.NotFoundHandler())
	if err := <-answered; err != nil {
		t.Errorf("bound: %v", err)
	}
}

type closable struct {
	io.Reader
	closed bool
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

func panicsEarly(t *testing.T) {
	response, err := serve(func(http.ResponseWriter, *http.Request) { panic("oh") }).RoundTrip(newRequest(t, t.Context(), nil))
	if response != nil || err == nil || !strings.Contains(err.Error(), "oh") {
		t.Errorf("got %v, %v", response, err)
	}
}

func panicsLate(t *testing.T) {
	response, err := serve(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic("oh")
	}).RoundTrip(newRequest(t, t.Context(), nil))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, err := io.ReadAll(response.Body); string(got) != "half" || err == nil {
		t.Errorf("got %q, %v; want half of it and an error", got, err)
	}
}

// closesBody checks that a handler learns by its context, and by its writes, that nobody listens.
func closesBody(t *testing.T) {
	ended := make(chan error, 1)
	response, err := serve(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		_, err := w.Write(make([]byte, 2*bufferBytes))
		ended <- err
	}).RoundTrip(newRequest(t, t.Context(), nil))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if err := <-ended; err == nil {
		t.Error("the handler could write to a closed body")
	}
}

func goesEarly(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	go stop()
	_, err := serve(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		w.Write(make([]byte, 2*bufferBytes)) // nobody ever reads it
	}).RoundTrip(newRequest(t, ctx, nil))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func goesUnread(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	response, err := serve(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 2*bufferBytes)) }).RoundTrip(newRequest(t, ctx, nil))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	synctest.Wait()
	if _, err := io.ReadAll(response.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
