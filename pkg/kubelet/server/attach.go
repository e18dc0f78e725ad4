package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	clientremote "k8s.io/client-go/tools/remotecommand"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/crilog"
	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

const (
	// freshly is how long after a container's start, or its end, who attaches to it is given all that it has written. kubectl run
	// attaches as soon as it sees the container run; a quick command has said all by then, and the runtime gives only what is
	// written after it was asked.
	freshly = 10 * time.Second
	// settles is how long a container has after its start to write something, or end, before it is attached to.
	settles = 300 * time.Millisecond
	// streamCreation is how long a client may take to open its streams.
	streamCreation = 30 * time.Second
)

// serveAttach connects the client to the streams of a container's own process. A container that has just ended, or has written
// something already since it was just started, is served from its log: from the beginning, or from where the log was just read
// to, as newer versions of kubectl run do before they attach. A terminal is served so only if the container has ended, for a log
// has whole lines only. All else is the runtime's.
func (s *Server) serveAttach(w http.ResponseWriter, r *http.Request) {
	streams, err := streamsOf(r.URL.Query())
	if err != nil {
		writeError(w, err, http.StatusInternalServerError)
		return
	}
	pod, err := s.podOf(r)
	if err != nil {
		writeError(w, err, http.StatusInternalServerError)
		return
	}
	name := r.PathValue("container")
	instance, err := s.attachable(r.Context(), pod.UID, name)
	if err != nil {
		writeError(w, err, http.StatusInternalServerError)
		return
	}
	request := &runtimeapi.AttachRequest{
		ContainerId: instance.ID, Stdin: streams.stdin, Stdout: streams.stdout, Stderr: streams.stderr, Tty: streams.tty,
	}
	if (streams.stdout || streams.stderr) && s.hasSaid(r.Context(), instance, streams.tty) {
		attached := &fromLog{server: s, instance: instance, skip: s.reads.of(instance.ID)}
		remotecommand.ServeAttach(w, r, attached, pod.Name, string(pod.UID), name,
			&remotecommand.Options{Stdin: streams.stdin, Stdout: streams.stdout, Stderr: streams.stderr, TTY: streams.tty},
			s.cfg.IdleTimeout, streamCreation, remotecommand.SupportedStreamingProtocols)
		return
	}
	answer, err := s.cfg.Runtime.Attach(r.Context(), request)
	s.relay(w, r, answer.GetUrl(), err)
}

// attachable finds the container's instance that runs, or has just ended. One that has only just started is given a moment.
func (s *Server) attachable(ctx context.Context, uid types.UID, name string) (podstate.Container, error) {
	instance, ok := s.cfg.Pods.Instance(uid, name)
	if age := time.Since(instance.StartedAt); ok && instance.Phase == podstate.Running && age < settles {
		timer := time.NewTimer(settles - max(age, 0))
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return instance, ctx.Err()
		case <-timer.C:
		}
		instance, ok = s.cfg.Pods.Instance(uid, name)
	}
	ended := ok && instance.Phase == podstate.Exited && time.Since(instance.FinishedAt) < freshly
	if !ok || instance.Phase != podstate.Running && !ended {
		return instance, fmt.Errorf("container not found (%q)", name)
	}
	return instance, nil
}

// hasSaid says whether the container has written something that the runtime would not give to who attaches now.
func (s *Server) hasSaid(ctx context.Context, instance podstate.Container, tty bool) bool {
	if instance.Phase == podstate.Exited {
		return true
	}
	if tty || time.Since(instance.StartedAt) > freshly {
		return false
	}
	log, err := s.logOf(ctx, instance.ID)
	if err != nil {
		return false
	}
	file, err := log.Open()
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	return err == nil && info.Size() > 0
}

// fromLog gives a container's output from its log. It serves one request.
type fromLog struct {
	server   *Server
	instance podstate.Container
	// skip is how many bytes of output the client has got already.
	skip int64
}

// AttachContainer implements remotecommand.Attacher.
func (f *fromLog) AttachContainer(ctx context.Context, _, _, _ string, in io.Reader, out, errOut io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize) error {
	running := f.instance.Phase == podstate.Running
	log, err := f.server.logOf(ctx, f.instance.ID)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		if running && in != nil {
			f.feed(ctx, in)
		}
	}()
	defer func() {
		cancel()
		<-fed
	}()
	err = crilog.Read(ctx, log, crilog.Options{Follow: running}, f.behind(out), f.behind(errOut))
	if errors.Is(err, context.Canceled) {
		return nil // The client has gone.
	}
	return err
}

// behind gives what comes after the bytes to skip, which both outputs share: a log has them in one order. A client that does not
// want an output has not got it before either.
func (f *fromLog) behind(w io.Writer) io.Writer {
	if w == nil {
		w = io.Discard
	}
	return skipping{w, &f.skip}
}

// skipping drops the first bytes. Its counter may be shared by writers of which one writes at a time.
type skipping struct {
	io.Writer
	left *int64
}

func (s skipping) Write(text []byte) (int, error) {
	dropped := min(*s.left, int64(len(text)))
	*s.left -= dropped
	if dropped == int64(len(text)) {
		return len(text), nil
	}
	n, err := s.Writer.Write(text[dropped:])
	return n + int(dropped), err
}

// reads remembers for a moment how much of which container's log was read. The zero value is ready.
type reads struct {
	mu sync.Mutex
	// last read of each container; guarded by mu. It holds only fresh ones.
	last map[string]lastRead
}

type lastRead struct {
	bytes int64
	at    time.Time
}

// note takes a read of all of a container's log.
func (r *reads) note(id string, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for other, read := range r.last {
		if now.Sub(read.at) > freshly {
			delete(r.last, other)
		}
	}
	if r.last == nil {
		r.last = map[string]lastRead{}
	}
	r.last[id] = lastRead{bytes, now}
}

// of is how many bytes of the container's log were just read, 0 if it was not.
func (r *reads) of(id string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	read, ok := r.last[id]
	if !ok || time.Since(read.at) > freshly {
		return 0
	}
	return read.bytes
}

// feed gives the client's input to the container until one of them has had enough.
func (f *fromLog) feed(ctx context.Context, in io.Reader) {
	err := func() error {
		answer, err := f.server.cfg.Runtime.Attach(ctx, &runtimeapi.AttachRequest{ContainerId: f.instance.ID, Stdin: true})
		if err != nil {
			return err
		}
		address, err := urlOf(answer.GetUrl())
		if err != nil {
			return err
		}
		executor, err := clientremote.NewSPDYExecutor(&rest.Config{Host: address.Host}, http.MethodPost, address)
		if err != nil {
			return err
		}
		return executor.StreamWithContext(ctx, clientremote.StreamOptions{Stdin: in})
	}()
	if err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).V(2).Info("Input of an attached client does not reach its container", "containerID", f.instance.ID, "err", err)
	}
}
