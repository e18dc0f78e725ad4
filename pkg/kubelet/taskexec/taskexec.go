package taskexec

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/errdefs"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/klog/v2"
	utilexec "k8s.io/utils/exec"
)

// namespace is where containerd's CRI plugin has its containers.
const namespace = "k8s.io"

// deleteWithin bounds what is done to take an ended command away.
const deleteWithin = 20 * time.Second

// Executor runs commands.
type Executor struct {
	// Socket is the path of containerd's socket, which serves CRI and tasks alike.
	Socket string
	// Dir gets the pipes of commands under way. It must be short, absolute, and the same for containerd and its shims.
	Dir string
}

// ExecInContainer implements remotecommand.Executor: container is the id of a running container. A command that ends with another
// code than 0 gives a utilexec.ExitError.
func (e *Executor) ExecInContainer(ctx context.Context, _, _, container string, command []string, in io.Reader, out, errOut io.WriteCloser,
	tty bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	if tty {
		return errors.New("a terminal is the container runtime's")
	}
	c, err := client.New(e.Socket, client.WithDefaultNamespace(namespace))
	if err != nil {
		return fmt.Errorf("connect to containerd: %w", err)
	}
	defer c.Close()
	stdin := &endingReader{Reader: in}
	process, err := e.create(ctx, c, container, command, cio.WithStreams(stdin, orDiscard(out), orDiscard(errOut)))
	if err != nil {
		return err
	}
	defer remove(context.WithoutCancel(ctx), process)
	return carryOut(ctx, process, stdin, command)
}

// create makes the command's process, as the container's own but for its arguments.
func (e *Executor) create(ctx context.Context, c *client.Client, container string, command []string, streams cio.Opt) (client.Process, error) {
	if err := os.MkdirAll(e.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory for the command's pipes: %w", err)
	}
	found, err := c.LoadContainer(ctx, container)
	if err != nil {
		return nil, fmt.Errorf("find container: %w", err)
	}
	spec, err := found.Spec(ctx)
	if err != nil {
		return nil, fmt.Errorf("read how the container runs: %w", err)
	}
	task, err := found.Task(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("find the container's process: %w", err)
	}
	spec.Process.Terminal, spec.Process.Args, spec.Process.CommandLine = false, command, ""
	process, err := task.Exec(ctx, rand.Text(), spec.Process, cio.NewCreator(streams, cio.WithFIFODir(e.Dir)))
	if err != nil {
		return nil, fmt.Errorf("prepare command: %w", err)
	}
	return process, nil
}

// carryOut starts the command and returns when it has ended and its output is through. It is killed when ctx ends.
func carryOut(ctx context.Context, process client.Process, stdin *endingReader, command []string) error {
	ended, err := process.Wait(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("wait for command: %w", err)
	}
	if err := process.Start(ctx); err != nil {
		return fmt.Errorf("start command: %w", err)
	}
	// Only a process that has been started has an end of the pipe to close.
	stdin.whenEnded(func() {
		if err := process.CloseIO(ctx, client.WithStdinCloser); err != nil && !errdefs.IsNotFound(err) {
			klog.FromContext(ctx).V(2).Info("Could not close the stdin of a command", "err", err)
		}
	})
	var status client.ExitStatus
	select {
	case status = <-ended:
	case <-ctx.Done():
		if err := process.Kill(context.WithoutCancel(ctx), syscall.SIGKILL); err != nil && !errdefs.IsNotFound(err) {
			return errors.Join(ctx.Err(), fmt.Errorf("kill command: %w", err))
		}
		<-ended
		return ctx.Err()
	}
	code, _, err := status.Result()
	if err != nil {
		return fmt.Errorf("wait for command: %w", err)
	}
	process.IO().Wait()
	if code != 0 {
		return utilexec.CodeExitError{Err: fmt.Errorf("error executing command %v, exit code %d", command, code), Code: int(code)}
	}
	return nil
}

// remove takes away what containerd keeps of the command.
func remove(ctx context.Context, process client.Process) {
	ctx, cancel := context.WithTimeout(ctx, deleteWithin)
	defer cancel()
	if _, err := process.Delete(ctx, client.WithProcessKill); err != nil && !errdefs.IsNotFound(err) {
		klog.FromContext(ctx).Error(err, "Could not remove an ended command from containerd")
	}
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// endingReader tells once that all has been read, and with that written on, or that no more can be.
type endingReader struct {
	io.Reader
	mu sync.Mutex
	// ended and then are guarded by mu: the end may come before somebody wants to know of it.
	ended bool
	then  func()
}

// Read implements io.Reader.
func (r *endingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil {
		r.mu.Lock()
		then := r.then
		told := r.ended
		r.ended = true
		r.mu.Unlock()
		if then != nil && !told {
			then()
		}
	}
	return n, err
}

// whenEnded has then called at the end, at once if that has come.
func (r *endingReader) whenEnded(then func()) {
	r.mu.Lock()
	r.then = then
	ended := r.ended
	r.mu.Unlock()
	if ended {
		then()
	}
}
