package crilog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/klog/v2"
)

// Log is where a container's log comes from.
type Log struct {
	// Open opens the log; when it is followed also anew, for the file that has come in its place.
	Open func() (*os.File, error)
	// Dir is the directory that is watched while the log is followed. Nothing is opened in it.
	Dir string
	// Running says whether the container may still write. It is needed to follow.
	Running func(ctx context.Context) (bool, error)
}

// Options say what of a log is read. The zero value is all of it, once.
type Options struct {
	// Tail is how many lines from the end are read, nil for all; Limit how many bytes are written at the most, nil for no limit.
	Tail, Limit *int64
	// Since leaves out lines that are older.
	Since time.Time
	// Timestamps puts its time before each line, in the format of RFC 3339 with nine digits.
	Timestamps bool
	// Follow goes on until the container has ended.
	Follow bool
}

const (
	// lookAgain is how long a followed log may be silent before it is looked at without having been told of a change.
	lookAgain = time.Second
	// maxLine bounds a line in the file, in bytes; runtimes cut what containers write long before.
	maxLine = 1 << 20
)

// Read writes what the options choose of the log. A writer that is nil leaves its stream out. It ends with ctx's error when ctx
// ends first.
func Read(ctx context.Context, log Log, o Options, stdout, stderr io.Writer) error {
	file, err := log.Open()
	if err != nil {
		return err
	}
	r := &reader{log: log, options: o, out: newOutput(o, stdout, stderr), lines: -1}
	defer r.close()
	r.take(file)
	if o.Tail != nil {
		start, err := tailStart(file, *o.Tail)
		if err != nil {
			return fmt.Errorf("find the last %d lines of the log: %w", *o.Tail, err)
		}
		if _, err := file.Seek(start, io.SeekStart); err != nil {
			return fmt.Errorf("find the last %d lines of the log: %w", *o.Tail, err)
		}
		if !o.Follow {
			r.lines = *o.Tail
		}
	}
	if err := r.run(ctx); !errors.Is(err, errLimit) {
		return err
	}
	return nil
}

// reader reads one log.
type reader struct {
	log     Log
	options Options
	out     *output
	file    *os.File
	// next is the file that has come in the place of file, which is read to its end first.
	next   *os.File
	buffer *bufio.Reader
	// begun is the line of which the end is not written yet.
	begun []byte
	// lines is how many more are read, negative for all.
	lines int64
	// parsed: a line was understood, so that one that is not is an exception.
	parsed  bool
	watcher *fsnotify.Watcher
}

func (r *reader) take(file *os.File) {
	r.file, r.next, r.begun, r.buffer = file, nil, nil, bufio.NewReader(file)
}

func (r *reader) close() {
	r.file.Close()
	if r.next != nil {
		r.next.Close()
	}
	if r.watcher != nil {
		r.watcher.Close()
	}
}

func (r *reader) run(ctx context.Context) error {
	last := !r.options.Follow
	for r.lines != 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := r.line()
		switch {
		case err == nil:
			if err := r.emit(ctx); err != nil {
				return err
			}
		case !errors.Is(err, io.EOF):
			return fmt.Errorf("read the log: %w", err)
		case r.next != nil:
			r.file.Close()
			r.take(r.next)
		case last:
			return r.emit(ctx)
		default:
			if last, err = r.wait(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// line reads on until begun is a whole line; io.EOF when there is none yet.
func (r *reader) line() error {
	for {
		part, err := r.buffer.ReadSlice('\n')
		if len(r.begun)+len(part) > maxLine {
			return fmt.Errorf("a line is longer than %d bytes", maxLine)
		}
		r.begun = append(r.begun, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// emit writes the line that was begun.
func (r *reader) emit(ctx context.Context) error {
	text := r.begun
	r.begun = r.begun[:0]
	if len(text) == 0 {
		return nil
	}
	r.lines = max(r.lines-1, -1)
	m, err := parse(text)
	if err != nil {
		if !r.parsed {
			return err
		}
		klog.FromContext(ctx).V(2).Info("A line of a container's log is not in the format of the CRI", "err", err)
		return nil
	}
	r.parsed = true
	return r.out.write(m)
}

// wait returns when the log may have changed. last says that what there is now is all that there will be.
func (r *reader) wait(ctx context.Context) (last bool, err error) {
	running, err := r.log.Running(ctx)
	if err != nil {
		return false, err
	}
	if err := r.lookForNext(); err != nil || r.next != nil {
		return false, err
	}
	if !running {
		return true, nil
	}
	if r.watcher == nil {
		if r.watcher, err = fsnotify.NewWatcher(); err == nil {
			err = r.watcher.Add(r.log.Dir)
		}
		// What came before the watch is to be looked at first.
		return false, err
	}
	timer := time.NewTimer(lookAgain)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-timer.C:
	case <-r.watcher.Events:
	case err := <-r.watcher.Errors:
		return false, fmt.Errorf("watch the log: %w", err)
	}
	return false, nil
}

// lookForNext sees whether another file is in the log's place.
func (r *reader) lookForNext() error {
	file, err := r.log.Open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it is just being rotated
	}
	if err != nil {
		return err
	}
	now, err := r.file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	found, err := file.Stat()
	if err != nil || os.SameFile(now, found) {
		return errors.Join(err, file.Close())
	}
	r.next = file
	return nil
}
