package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/crilog"
	"github.com/proa-sh/proa/pkg/kubelet/podfile"
	"github.com/proa-sh/proa/pkg/pods"
)

// serveLogs answers with the log of a container, and follows it if asked to.
func (s *Server) serveLogs(w http.ResponseWriter, r *http.Request) {
	options, err := logOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	pod, err := s.podOf(r)
	if err != nil {
		writeError(w, err, http.StatusNotFound)
		return
	}
	name := r.PathValue("container")
	if pods.Container(pod, name) == nil {
		http.Error(w, fmt.Sprintf("container %q not found in pod %q", name, pod.Name), http.StatusNotFound)
		return
	}
	id, err := loggedID(pod, name, options.Previous)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	log, err := s.logOf(r.Context(), id)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := &flushed{writer: w, flush: http.NewResponseController(w).Flush}
	w.Header().Set("Content-Type", "text/plain")
	if options.Follow {
		// A container may be silent for long; the client is to know that it is listening.
		w.WriteHeader(http.StatusOK)
		_ = out.flush()
	}
	stdout, stderr := writersOf(out, options.Stream)
	if err := crilog.Read(r.Context(), log, readOptions(options, time.Now()), stdout, stderr); err != nil {
		s.endLog(w, r, out, options, err)
		return
	}
	if isWhole(options) {
		s.reads.note(id, out.written)
	}
}

// isWhole says whether all of the log is asked for, as it was written.
func isWhole(o *v1.PodLogOptions) bool {
	return !o.Follow && !o.Previous && !o.Timestamps && o.TailLines == nil && o.LimitBytes == nil && o.SinceSeconds == nil &&
		o.SinceTime == nil && (o.Stream == nil || *o.Stream == v1.LogStreamAll)
}

// endLog reports a failure while nothing is written yet; afterwards the log just ends.
func (s *Server) endLog(w http.ResponseWriter, r *http.Request, out *flushed, options *v1.PodLogOptions, err error) {
	if errors.Is(err, context.Canceled) {
		return // The client has gone.
	}
	klog.FromContext(r.Context()).V(2).Info("Reading a container log failed", "err", err, "path", r.URL.Path)
	if out.written == 0 && !options.Follow {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func readOptions(options *v1.PodLogOptions, now time.Time) crilog.Options {
	read := crilog.Options{Tail: options.TailLines, Limit: options.LimitBytes, Follow: options.Follow, Timestamps: options.Timestamps}
	switch {
	case options.SinceSeconds != nil:
		read.Since = now.Add(-time.Duration(*options.SinceSeconds) * time.Second)
	case options.SinceTime != nil:
		read.Since = options.SinceTime.Time
	}
	return read
}

// writersOf gives the writers of the two streams; a stream that is not asked for has none.
func writersOf(out io.Writer, stream *string) (stdout, stderr io.Writer) {
	switch {
	case stream == nil || *stream == v1.LogStreamAll:
		return out, out
	case *stream == v1.LogStreamStdout:
		return out, nil
	}
	return nil, out
}

// logOf is the log of a container as the runtime says, which must be a regular file in the directory of pod logs, with no link on
// the way. Each open is one resolution by the kernel: a pod that can write in its directory of logs, or in that of all, cannot have
// another file of the host read by exchanging something between a look and an open, nor requests hang by planting a pipe.
func (s *Server) logOf(ctx context.Context, id string) (crilog.Log, error) {
	answer, err := s.cfg.Runtime.ContainerStatus(ctx, id, false)
	if err != nil {
		return crilog.Log{}, fmt.Errorf("unable to retrieve container logs for %s: %w", id, err)
	}
	path := answer.GetStatus().GetLogPath()
	below, err := filepath.Rel(s.cfg.PodLogs, path)
	if err != nil || !filepath.IsLocal(below) {
		return crilog.Log{}, fmt.Errorf("log of container %s is not in %s", id, s.cfg.PodLogs)
	}
	return crilog.Log{
		Open: func() (*os.File, error) {
			file, err := podfile.OpenPlain(s.cfg.PodLogs, below)
			if err != nil {
				return nil, fmt.Errorf("open log of container %s: %w", id, err)
			}
			return file, nil
		},
		Dir:     filepath.Dir(path),
		Running: func(ctx context.Context) (bool, error) { return s.isRunning(ctx, id) },
	}, nil
}

// isRunning says whether the container may still write its log. A runtime that cannot be reached says nothing: it may be starting
// again, and its containers go on.
func (s *Server) isRunning(ctx context.Context, id string) (bool, error) {
	answer, err := s.cfg.Runtime.ContainerStatus(ctx, id, false)
	switch {
	case status.Code(err) == codes.Unavailable:
		return true, nil
	case err != nil:
		return false, fmt.Errorf("look whether container %s runs: %w", id, err)
	}
	return answer.GetStatus().GetState() == runtimeapi.ContainerState_CONTAINER_RUNNING, nil
}

// flushed sends every write to the client at once.
type flushed struct {
	writer io.Writer
	flush  func() error
	// written is how many bytes were.
	written int64
}

func (f *flushed) Write(data []byte) (int, error) {
	n, err := f.writer.Write(data)
	f.written += int64(n)
	if err != nil {
		return n, err
	}
	return n, f.flush()
}

// plainFiles are the regular files and directories below a directory. Others would block a request, or do what devices do.
type plainFiles struct{ root *os.Root }

// Open implements fs.FS.
func (p plainFiles) Open(name string) (fs.File, error) {
	file, err := p.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
