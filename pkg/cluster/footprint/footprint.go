package footprint

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

const (
	// period is how often the figures are looked at.
	period = 30 * time.Second
	// A process that has allocated less than quiet in a period is idle.
	quiet = 16 << 20
	// worth is how much must be won: a release costs about as much processor time as one garbage collection.
	worth = 24 << 20
)

// figures are what the decision needs, in bytes.
type figures struct {
	// allocated is all that was ever allocated.
	allocated uint64
	// held is what the heap takes of the machine: objects, garbage, and room.
	held uint64
}

// observe reads the figures from the runtime.
func observe() figures {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	return figures{
		allocated: samples[0].Value.Uint64(),
		held:      samples[1].Value.Uint64() + samples[2].Value.Uint64() + samples[3].Value.Uint64(),
	}
}

// shouldRelease decides by the figures of the last period, those of now, and what was held after the last release, which is
// 0 before the first.
func shouldRelease(last, now figures, heldAfterRelease uint64) bool {
	return now.allocated-last.allocated < quiet && now.held > heldAfterRelease+worth
}

// Run gives memory back when that is worth it, until ctx ends.
func Run(ctx context.Context) {
	logger := klog.FromContext(ctx)
	tick := time.NewTicker(period)
	defer tick.Stop()
	last, released := observe(), uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := observe()
		released = min(released, now.held)
		if shouldRelease(last, now, released) {
			if err := Release(); err != nil {
				logger.Error(err, "Giving memory back failed")
			}
			released = observe().held
			logger.V(2).Info("Gave memory back", "heldBefore", now.held, "heldAfter", released)
		}
		last = now
	}
}

// Release gives back what can be given back.
func Release() error {
	debug.FreeOSMemory()
	return dropProgram()
}

// dropProgram forgets the pages of the program, which the kernel keeps for all that was ever used of it. Those in use come
// back from its cache, by a fault each. It is no memory that the machine gets more of, for the cache keeps them until somebody needs
// the room: a measurement of RSS or PSS of an idle process is lower by them, one of anonymous memory is not.
func dropProgram() error {
	path, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	file, err := os.Open("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("list own mappings: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		start, end, ours := parseMapping(lines.Text(), path)
		if !ours {
			continue
		}
		if _, _, code := unix.Syscall(unix.SYS_MADVISE, start, end-start, unix.MADV_DONTNEED); code != 0 {
			return fmt.Errorf("forget pages of own program: %w", code)
		}
	}
	return lines.Err()
}

// parseMapping reads a line of /proc/PID/maps (proc(5)). Only mappings of the file that can not be written to are ours to
// forget: others may differ from the file.
func parseMapping(line, path string) (start, end uintptr, ours bool) {
	fields := strings.Fields(line)
	if len(fields) != 6 || fields[5] != path || !strings.HasPrefix(fields[1], "r-") || !strings.HasSuffix(fields[1], "p") {
		return 0, 0, false
	}
	if n, err := fmt.Sscanf(fields[0], "%x-%x", &start, &end); err != nil || n != 2 {
		return 0, 0, false
	}
	return start, end, true
}
