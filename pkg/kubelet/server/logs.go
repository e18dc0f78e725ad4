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
	v1 "k8s.io/api/core/v1"
	"k8s.io/cri-client/pkg/logs"
	"k8s.io/klog/v2"

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
	path, err := s.logPath(r.Context(), id)
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
	if err := logs.ReadLogs(r.Context(), path, id, readOptions(options, time.Now()), s.cfg.Runtime, stdout, stderr); err != nil {
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

func readOptions(options *v1.PodLogOptions, now time.Time) *logs.LogOptions {
	read := &logs.LogOptions{
		TailLines: options.TailLines, LimitBytes: options.LimitBytes, Follow: options.Follow, Timestamp: options.Timestamps,
	}
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

// logPath is the path of a container's log as the runtime says, if it is a regular file in the directory of pod logs. A pod
// that can write there must not be able to have other files of the host read by planting a link, nor requests hang by planting
// a pipe. The library that reads logs opens by path: a pod that exchanges the file between this look and that open, again and
// again, can win once. Whoever may write the directory of all pods' logs is trusted with as much as reading them.
func (s *Server) logPath(ctx context.Context, id string) (string, error) {
	answer, err := s.cfg.Runtime.ContainerStatus(ctx, id, false)
	if err != nil {
		return "", fmt.Errorf("unable to retrieve container logs for %s: %w", id, err)
	}
	path := answer.GetStatus().GetLogPath()
	root, err := filepath.EvalSymlinks(s.cfg.PodLogs)
	if err != nil {
		return "", fmt.Errorf("find directory of pod logs: %w", err)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", fmt.Errorf("find container log: %w", err)
	}
	path = filepath.Join(dir, filepath.Base(path))
	below, err := filepath.Rel(root, path)
	if err != nil || !filepath.IsLocal(below) {
		return "", fmt.Errorf("log of container %s is not in %s", id, s.cfg.PodLogs)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("find container log: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("log of container %s is not a regular file", id)
	}
	return path, nil
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
