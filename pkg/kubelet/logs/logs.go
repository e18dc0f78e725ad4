package logs

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/podfile"
)

// stamp is the suffix of a rotated log: log.20060102-150405. The form is what log collectors know.
const stamp = "20060102-150405"

// Log is the log of a running container.
type Log struct {
	ContainerID string
	Path        string
}

// Config is what rotation works with.
type Config struct {
	// MaxSize in bytes: a log that is larger is rotated.
	MaxSize int64
	// MaxFiles is how many files a container may have, the one being written included; at least 2.
	MaxFiles int
	// Period is how often sizes are looked at.
	Period time.Duration
	// Running lists the logs to look at.
	Running func() []Log
	// Reopen makes the runtime write to a new file at the log's path.
	Reopen func(ctx context.Context, containerID string) error
}

// Run rotates logs until ctx ends.
func Run(ctx context.Context, cfg Config) {
	timer := time.NewTimer(cfg.Period)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		for _, l := range cfg.Running() {
			if err := rotateIfLarge(ctx, cfg, l, time.Now()); err != nil && ctx.Err() == nil {
				klog.FromContext(ctx).Error(err, "Could not rotate container log", "path", l.Path, "containerID", l.ContainerID)
			}
		}
		timer.Reset(cfg.Period)
	}
}

func rotateIfLarge(ctx context.Context, cfg Config, l Log, now time.Time) error {
	info, err := os.Stat(l.Path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at log: %w", err)
	}
	if info.Size() < cfg.MaxSize {
		return nil
	}
	return rotate(ctx, cfg, l, now)
}

// plan is what to do with the rotated files of one log.
type plan struct {
	remove, compress []string
}

// planRotation makes room for one more file: the oldest go, and all that is not compressed but the newest is, since a reader
// may still follow that one. names are the rotated files without the one being written.
func planRotation(names []string, maxFiles int) plan {
	var p plan
	var kept []string
	for _, n := range names {
		// Left over from a crash in the middle of compressing.
		if strings.HasSuffix(n, ".tmp") {
			p.remove = append(p.remove, n)
		} else {
			kept = append(kept, n)
		}
	}
	sort.Strings(kept)
	// One is written, one will be the newest rotated.
	if excess := len(kept) - (maxFiles - 2); excess > 0 {
		p.remove = append(p.remove, kept[:excess]...)
		kept = kept[excess:]
	}
	for _, n := range kept {
		if !strings.HasSuffix(n, ".gz") {
			p.compress = append(p.compress, n)
		}
	}
	return p
}

func rotate(ctx context.Context, cfg Config, l Log, now time.Time) error {
	names, err := filepath.Glob(l.Path + ".*")
	if err != nil {
		return fmt.Errorf("list rotated logs: %w", err)
	}
	p := planRotation(names, cfg.MaxFiles)
	for _, name := range p.remove {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove old log: %w", err)
		}
	}
	for _, name := range p.compress {
		if err := compress(name); err != nil {
			return err
		}
	}
	rotated := l.Path + "." + now.Format(stamp)
	if err := os.Rename(l.Path, rotated); err != nil {
		return fmt.Errorf("rename log: %w", err)
	}
	if err := cfg.Reopen(ctx, l.ContainerID); err != nil {
		// The runtime still writes to the renamed file; put it back so that nothing is lost.
		if back := os.Rename(rotated, l.Path); back != nil {
			return errors.Join(fmt.Errorf("reopen log: %w", err), fmt.Errorf("rename log back: %w", back))
		}
		return fmt.Errorf("reopen log: %w", err)
	}
	return nil
}

// compress replaces a file by its gzip form; a crash leaves either the one or the other, and a .tmp at worst.
func compress(name string) (err error) {
	source, err := podfile.Open(name)
	if err != nil {
		return fmt.Errorf("open log to compress: %w", err)
	}
	defer source.Close()
	tmp := name + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove compressed log left by a crash: %w", err)
	}
	target, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("make compressed log: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, target.Close(), os.Remove(tmp))
		}
	}()
	z := gzip.NewWriter(target)
	if _, err := io.Copy(z, source); err != nil {
		return fmt.Errorf("compress log: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("compress log: %w", err)
	}
	if err := target.Close(); err != nil {
		return fmt.Errorf("compress log: %w", err)
	}
	if err := os.Rename(tmp, name+".gz"); err != nil {
		return fmt.Errorf("put compressed log in place: %w", err)
	}
	return os.Remove(name)
}
