package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/images"
	"github.com/proa-sh/proa/pkg/cluster/process"
)

// cost is what a process takes.
type cost struct {
	name string
	// pss is its share of memory, anonymous that part of it which no file holds, rss all that it maps; in bytes.
	pss, anonymous, rss int64
	// cpu is the time that it ran; read and written are bytes from and to disks; since it began.
	cpu           time.Duration
	read, written int64
}

// row is the cost of all processes of a name in a window.
type row struct {
	cost
	count int
}

// idleCost leaves a new cluster alone for a while and measures its processes.
func (b *bench) idleCost(ctx context.Context) ([]row, error) {
	if err := b.proa(ctx, "up"); err != nil {
		return nil, err
	}
	if err := b.runSleepers(ctx); err != nil {
		return nil, err
	}
	if err := sleep(ctx, b.idle); err != nil {
		return nil, err
	}
	processes, err := b.processes(ctx)
	if err != nil {
		return nil, err
	}
	before, err := measureAll(processes)
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, b.window); err != nil {
		return nil, err
	}
	after, err := measureAll(processes)
	if err != nil {
		return nil, fmt.Errorf("%w (the cluster was not idle)", err)
	}
	return sum(before, after), nil
}

// runSleepers returns when all pods run that are to do nothing.
func (b *bench) runSleepers(ctx context.Context) error {
	if b.pods == 0 {
		return nil
	}
	if err := b.proa(ctx, "kubectl", "create", "deployment", "sleepers", "--image="+images.PauseName, fmt.Sprintf("--replicas=%d", b.pods)); err != nil {
		return err
	}
	return b.proa(ctx, "kubectl", "rollout", "status", "deployment/sleepers", "--timeout=5m")
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// processes are the server, what it has started, and what runs in the pods, which are children of the latter.
func (b *bench) processes(ctx context.Context) ([]process.Process, error) {
	status, err := control.NewClient(b.cfg.ControlSocket()).Status(ctx)
	if err != nil {
		return nil, err
	}
	server, err := process.Lookup(status.Pid)
	if err != nil {
		return nil, err
	}
	found, err := process.Marked(b.dataDir)
	if err != nil {
		return nil, err
	}
	parents, err := parents()
	if err != nil {
		return nil, err
	}
	found = append(found, server)
	for i := 0; i < len(found); i++ { // grows while it is walked
		for child, parent := range parents {
			if parent == found[i].Pid && !slices.Contains(found, child) {
				found = append(found, child)
			}
		}
	}
	return found, nil
}

// parents gives the number of the parent of every process.
func parents() (map[process.Process]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	parents := map[process.Process]int{}
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		p, err := process.Lookup(pid)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		const parent = 1 // counted from after the command, see proc(5)
		if parents[p], err = strconv.Atoi(strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[parent]); err != nil {
			return nil, err
		}
	}
	return parents, nil
}

func measureAll(processes []process.Process) (map[process.Process]cost, error) {
	costs := map[process.Process]cost{}
	for _, p := range processes {
		c, err := measure(p)
		if err != nil {
			return nil, fmt.Errorf("measure %v: %w", p, err)
		}
		costs[p] = c
	}
	return costs, nil
}

func measure(p process.Process) (cost, error) {
	c := cost{name: p.Command}
	dir := filepath.Join("/proc", strconv.Itoa(p.Pid))
	memory, err := readKeys(filepath.Join(dir, "smaps_rollup"))
	if err != nil {
		return c, err
	}
	const kib = 1024
	c.pss, c.anonymous, c.rss = memory["Pss"]*kib, memory["Pss_Anon"]*kib, memory["Rss"]*kib
	disk, err := readKeys(filepath.Join(dir, "io"))
	if err != nil {
		return c, err
	}
	c.read, c.written = disk["read_bytes"], disk["write_bytes"]
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return c, err
	}
	c.cpu, err = cpuTime(string(stat))
	return c, err
}

// readKeys reads the numbers of a file of lines like "Pss: 12 kB".
func readKeys(path string) (map[string]int64, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return keys(string(content)), nil
}

func keys(content string) map[string]int64 {
	values := map[string]int64{}
	for line := range strings.Lines(content) {
		key, rest, found := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if !found || len(fields) == 0 {
			continue
		}
		if n, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
			values[key] = n
		}
	}
	return values
}

// cpuTime adds user and system time of a line of /proc/PID/stat (proc(5)), which are in ticks of 10 ms.
func cpuTime(stat string) (time.Duration, error) {
	const user, system, tick = 11, 12, 10 * time.Millisecond // counted from after the command
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= system {
		return 0, fmt.Errorf("read process state %q: %d fields", stat, len(fields))
	}
	var total time.Duration
	for _, field := range []int{user, system} {
		ticks, err := strconv.ParseInt(fields[field], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read process time: %w", err)
		}
		total += time.Duration(ticks) * tick
	}
	return total, nil
}

// sum adds up the processes of each name: memory as it was after the window, the rest as it grew in it. The largest comes
// first.
func sum(before, after map[process.Process]cost) []row {
	byName := map[string]*row{}
	for p, c := range after {
		r := byName[c.name]
		if r == nil {
			r = &row{cost: cost{name: c.name}}
			byName[c.name] = r
		}
		r.count++
		r.pss, r.anonymous, r.rss = r.pss+c.pss, r.anonymous+c.anonymous, r.rss+c.rss
		was := before[p]
		r.cpu, r.read, r.written = r.cpu+c.cpu-was.cpu, r.read+c.read-was.read, r.written+c.written-was.written
	}
	rows := make([]row, 0, len(byName))
	for _, r := range byName {
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b row) int { return int(b.pss - a.pss) })
	return rows
}
