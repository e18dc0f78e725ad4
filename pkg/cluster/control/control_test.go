package control

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proa-sh/proa/pkg/cluster/steps"
)

// serve runs a server and returns its client and a function that ends it.
func serve(t *testing.T, s *Server) (*Client, func()) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "c.sock")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	listening := make(chan struct{})
	go func() { close(listening); done <- s.Serve(ctx, socket) }()
	<-listening
	client := NewClient(socket)
	for { // until the socket is there; its maker has no way to say so
		_, err := client.Status(t.Context())
		if err == nil {
			break
		}
		if !errors.Is(err, ErrNotRunning) {
			t.Fatal(err)
		}
	}
	return client, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestFollowersGetEverything(t *testing.T) {
	timeline := NewTimeline()
	stopped := make(chan bool, 1)
	server := &Server{Timeline: timeline, Status: func(context.Context) Status { return Status{Pid: 7} }, Stop: func(pods bool) { stopped <- pods }}
	client, end := serve(t, server)
	timeline.Event(steps.Event{Step: "etcd", State: steps.Started, Took: time.Second})
	timeline.Enter(Running, nil)

	var got []Message
	running := make(chan struct{})
	followed := make(chan error, 1)
	go func() {
		followed <- client.Follow(t.Context(), func(m Message) bool {
			m.After = 0
			got = append(got, m)
			if m.Phase == Running {
				close(running)
			}
			return true
		})
	}()
	<-running
	status, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Status{Pid: 7, Phase: Running}, status); diff != "" {
		t.Error(diff)
	}
	if err := client.Stop(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if pods := <-stopped; !pods {
		t.Error("the wish to stop pods was lost")
	}
	timeline.Enter(Stopped, errors.New("why"))
	timeline.Note("too late")
	if err := <-followed; err != nil {
		t.Fatal(err)
	}
	want := []Message{{Event: &steps.Event{Step: "etcd", State: steps.Started, Took: time.Second}}, {Phase: Running}, {Phase: Stopped, Error: "why"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	end()
	if _, err := client.Status(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("status of an ended server: %v", err)
	}
}

func TestServerEndsWithFollowers(t *testing.T) {
	timeline := NewTimeline()
	client, end := serve(t, &Server{Timeline: timeline, Status: func(context.Context) Status { return Status{} }, Stop: func(bool) {}})
	timeline.Note("hello")
	following, followed := make(chan struct{}), make(chan error, 1)
	go func() {
		followed <- client.Follow(t.Context(), func(Message) bool { close(following); return true })
	}()
	<-following
	end()
	<-followed // with or without an error: its connection was cut
}
