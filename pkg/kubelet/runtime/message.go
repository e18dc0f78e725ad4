package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/logs"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/podfile"
)

// How much of a container's last words is kept: the file's first 4096 bytes; of the log the last 80 lines, at most 2048
// bytes (Container.TerminationMessagePath and TerminationMessagePolicy).
const (
	maxMessageFile  = 4096
	maxMessageLog   = 2048
	maxMessageLines = 80
)

// makeMessageFile makes the file that the container writes its last words to. Everybody may write: the container's user is
// anyone.
func (r *Runtime) makeMessageFile(uid types.UID, container string, attempt uint32) (string, error) {
	dir := r.cfg.Paths.ContainerDir(uid, container)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("make container directory: %w", err)
	}
	path := filepath.Join(dir, fmt.Sprintf("%08x", attempt))
	if err := os.RemoveAll(path); err != nil {
		return "", fmt.Errorf("remove old termination message file: %w", err)
	}
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		return "", fmt.Errorf("make termination message file: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return "", fmt.Errorf("open termination message file to all: %w", err)
	}
	return path, nil
}

// lastWords reads the termination message of an exited container. What cannot be read becomes the message itself, as the
// API promises text and nothing else could be told to the user.
func (r *Runtime) lastWords(ctx context.Context, status *runtimeapi.ContainerStatus) string {
	path := status.Annotations[annotationMessagePath]
	message, err := readMessageFile(path, status.Mounts)
	if err != nil {
		return fmt.Sprintf("Error on reading termination message: %v", err)
	}
	policy := v1.TerminationMessagePolicy(status.Annotations[annotationMessagePolicy])
	if message != "" || policy != v1.TerminationMessageFallbackToLogsOnError || status.ExitCode == 0 {
		return message
	}
	message, err = tailLog(ctx, status.LogPath)
	if err != nil {
		return fmt.Sprintf("Error on reading termination message from logs: %v", err)
	}
	return message
}

// readMessageFile reads the file that the container saw at the path: of several mounts there the last one covers the others.
// The file may be a pod's own, from a volume mounted over the kubelet's.
func readMessageFile(containerPath string, mounts []*runtimeapi.Mount) (string, error) {
	if containerPath == "" {
		return "", nil
	}
	for _, m := range slices.Backward(mounts) {
		if m.ContainerPath != containerPath {
			continue
		}
		file, err := podfile.Open(m.HostPath)
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		defer file.Close()
		text, err := io.ReadAll(io.LimitReader(file, maxMessageFile))
		return string(text), err
	}
	return "", nil
}

// maxLogTail is how many bytes of a log are looked at for last words: more than the longest lines that runtimes write.
const maxLogTail = 256 << 10

// tailLog gives the end of a log. It is read by way of a copy: the library opens by path, where a pod that may write the
// directory of logs could plant a pipe.
func tailLog(ctx context.Context, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	end, err := copyEnd(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() {
		if err := os.Remove(end); err != nil {
			klog.FromContext(ctx).Error(err, "Could not remove the copy of a log's end")
		}
	}()
	// The log package logs every line that it cannot parse; a user's output is none of the operator's business.
	ctx = klog.NewContext(ctx, logr.Discard())
	lines := int64(maxMessageLines)
	var out bytes.Buffer
	if err := logs.ReadLogs(ctx, end, "", &logs.LogOptions{TailLines: &lines}, nil, &out, &out); err != nil {
		return "", err
	}
	text := out.Bytes()
	if len(text) > maxMessageLog {
		text = text[len(text)-maxMessageLog:]
	}
	return string(text), nil
}

// copyEnd copies the whole lines at the end of a log to a file of its own and returns its path.
func copyEnd(path string) (string, error) {
	file, err := podfile.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	start := max(info.Size()-maxLogTail, 0)
	text, err := io.ReadAll(io.NewSectionReader(file, start, maxLogTail))
	if err != nil {
		return "", err
	}
	if start > 0 {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	end, err := os.CreateTemp("", "log-end-")
	if err != nil {
		return "", err
	}
	if _, err := end.Write(text); err != nil {
		return "", errors.Join(err, end.Close(), os.Remove(end.Name()))
	}
	return end.Name(), end.Close()
}
