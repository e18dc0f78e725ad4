package control

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proa-sh/proa/pkg/cluster/steps"
)

// serve runs a server and returns its client and a function that ends it.
func serve(t *testing.T, s *Server) (*Client, func()) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "c.sock")
	listener, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	client := NewClient(socket)
	return client, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestFollowersGetEverything(t *testing.T) {
	timeline := NewTimeline()
	stopped := make(chan How, 1)
	server := &Server{Timeline: timeline, Status: func(context.Context) Status { return Status{Pid: 7} }, Stop: func(how How) { stopped <- how }}
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
	if err := client.Stop(t.Context(), How{Pods: true, Now: true}); err != nil {
		t.Fatal(err)
	}
	if how := <-stopped; how != (How{Pods: true, Now: true}) {
		t.Errorf("asked to stop as %+v", how)
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
	client, end := serve(t, &Server{Timeline: timeline, Status: func(context.Context) Status { return Status{} }, Stop: func(How) {}})
	timeline.Note("hello")
	following, followed := make(chan struct{}), make(chan error, 1)
	go func() {
		followed <- client.Follow(t.Context(), func(Message) bool { close(following); return true })
	}()
	<-following
	end()
	<-followed // with or without an error: its connection was cut
}

// book notes what is asked for.
type book struct{ asked []string }

func (b *book) note(words ...string) error {
	b.asked = append(b.asked, strings.Join(words, " "))
	if words[len(words)-1] == "bad" {
		return errors.New("no such node")
	}
	return nil
}

func (b *book) Add(_ context.Context, name string) (string, error) {
	return "node-2", b.note("add", name)
}
func (b *book) Start(_ context.Context, name string) error  { return b.note("start", name) }
func (b *book) Stop(_ context.Context, name string) error   { return b.note("stop", name) }
func (b *book) Delete(_ context.Context, name string) error { return b.note("delete", name) }
func (b *book) Report(name, fault string)                   { b.asked = append(b.asked, "report "+name+" "+fault) }

func TestNodes(t *testing.T) {
	nodes := &book{}
	client, end := serve(t, &Server{Timeline: NewTimeline(), Status: func(context.Context) Status { return Status{} }, Nodes: nodes})
	defer end()
	if name, err := client.Node(t.Context(), AddNode, ""); err != nil || name != "node-2" {
		t.Errorf("add: %q, %v", name, err)
	}
	for _, action := range []string{StartNode, StopNode, DeleteNode} {
		if name, err := client.Node(t.Context(), action, "a"); err != nil || name != "a" {
			t.Errorf("%s: %q, %v", action, name, err)
		}
	}
	if _, err := client.Node(t.Context(), StopNode, "bad"); err == nil || err.Error() != "no such node" {
		t.Errorf("fault: %v", err)
	}
	if _, err := client.Node(t.Context(), "paint", "a"); err == nil {
		t.Error("something unknown was done")
	}
	if err := client.ReportNode(t.Context(), "a", "a & b"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"add ", "start a", "stop a", "delete a", "stop bad", "report a a & b"}, nodes.asked); diff != "" {
		t.Error(diff)
	}
}
