package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/pkg/killpoint"
)

// kind is a sort of fault.
type kind struct {
	name string
	// weight is how often it comes, beside the others.
	weight int
	// plan draws what exactly is to happen, so that it follows from the seed alone.
	plan func(r *rand.Rand) fault
}

// endsRuntime says whether containerd itself is ended by it, or cannot write down how a container ended.
func (k kind) endsRuntime() bool {
	return slices.Contains([]string{"containerd", "everything", "disk"}, k.name)
}

// fault is one that is going to happen.
type fault struct {
	what string
	// happen returns when it has happened, with the time at which the cluster could begin to come back.
	happen func(ctx context.Context) (time.Time, error)
}

// kinds lists all.
func kinds() []kind {
	list := []kind{
		{"server", 10, func(*rand.Rand) fault { return kill(0, server) }},
		{"server twice", 4, func(r *rand.Rand) fault { return kill(time.Duration(r.Intn(2500))*time.Millisecond, server) }},
		{"kubelet", 4, func(*rand.Rand) fault { return kill(0, agent) }},
		{"containerd", 4, func(r *rand.Rand) fault { return kill(0, []part{containerd, otherContainerd}[r.Intn(2)]) }},
		{"everything", 2, func(*rand.Rand) fault { return kill(0, server, agent, containerd, otherContainerd) }},
		{"disk", 1, func(r *rand.Rand) fault { return fillDisk(time.Duration(2000+r.Intn(4000)) * time.Millisecond) }},
	}
	for _, name := range killpoint.All() {
		// What happens often is let happen for a while.
		survive := map[killpoint.Name]int{killpoint.Answered: 100, killpoint.PodRemembered: 6}[name] + 2
		list = append(list, kind{"at " + string(name), 2, func(r *rand.Rand) fault { return killAt(name, r.Intn(survive)) }})
	}
	return list
}

// chosen are the kinds that are asked for; what stands before a space chooses too, as "at" for all points.
func chosen(only string) ([]kind, error) {
	all := kinds()
	if only == "" {
		return all, nil
	}
	var list []kind
	for name := range strings.SplitSeq(only, ",") {
		before := len(list)
		for _, k := range all {
			if first, _, _ := strings.Cut(k.name, " "); k.name == name || first == name {
				list = append(list, k)
			}
		}
		if len(list) == before {
			return nil, fmt.Errorf("no kind of fault is called %q; there are %s", name, strings.Join(kindNames(all), ", "))
		}
	}
	return list, nil
}

func kindNames(list []kind) []string {
	var names []string
	for _, k := range list {
		names = append(names, k.name)
	}
	return names
}

// draw takes one of the kinds. Each comes once before any comes again by chance.
func draw(list []kind, n int, r *rand.Rand) kind {
	if n < len(list) {
		return list[n]
	}
	total := 0
	for _, k := range list {
		total += k.weight
	}
	at := r.Intn(total)
	return list[slices.IndexFunc(list, func(k kind) bool { at -= k.weight; return at < 0 })]
}

// kill ends the parts at once; with a time after which the first of them is killed again, wherever its next life is then.
func kill(again time.Duration, parts ...part) fault {
	f := fault{what: fmt.Sprint(parts[0])}
	if again > 0 {
		f.what += fmt.Sprintf(", and again after %v", again)
	}
	f.happen = func(ctx context.Context) (time.Time, error) {
		at, err := killNow(ctx, parts...)
		if err != nil || again == 0 {
			return at, err
		}
		time.Sleep(again)
		return killNow(ctx, parts[0])
	}
	return f
}

// killNow kills those that run, of which there is at least one soon.
func killNow(ctx context.Context, parts ...part) (time.Time, error) {
	var victims []process.Process
	for _, p := range parts {
		if err := eventually(ctx, 10*time.Second, func() error {
			victim, err := p.find()
			if err == nil {
				victims = append(victims, victim)
			}
			return err
		}); err != nil {
			return time.Time{}, err
		}
	}
	err := process.Kill(ctx, victims...)
	return time.Now(), err
}

// killAt lets the next process that passes the point end there, after some passes.
func killAt(name killpoint.Name, survive int) fault {
	happen := func(ctx context.Context) (time.Time, error) {
		order, carried := killpointFile(), killpointFile()+".carried"
		if err := os.Remove(carried); err != nil && !errors.Is(err, os.ErrNotExist) {
			return time.Time{}, err
		}
		// Written elsewhere and renamed, so that nobody reads a half of it.
		text := fmt.Sprintf("%s %d %d\n", name, survive, time.Now().UnixNano())
		if err := errors.Join(os.WriteFile(order+".new", []byte(text), 0o600), os.Rename(order+".new", order)); err != nil {
			return time.Time{}, err
		}
		err := eventually(ctx, patience, func() error {
			_, err := os.Stat(carried)
			return err
		})
		if err != nil {
			return time.Time{}, errors.Join(fmt.Errorf("nobody passed the point %s %d times: %w", name, survive+1, err), os.Remove(order))
		}
		return time.Now(), nil
	}
	return fault{what: fmt.Sprintf("after %d passes", survive), happen: happen}
}

// fillDisk leaves no byte free on the cluster's file system for a while.
func fillDisk(long time.Duration) fault {
	happen := func(context.Context) (at time.Time, err error) {
		path := filepath.Join(diskDir(), "filler")
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return at, err
		}
		defer func() { err = errors.Join(err, file.Close(), os.Remove(path)); at = time.Now() }()
		for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if err := fill(file); err != nil {
				return at, err
			}
		}
		return at, nil
	}
	return fault{what: fmt.Sprintf("full for %v", long), happen: happen}
}

// fill takes what is free at the moment: in large pieces, then in small ones.
func fill(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	end := info.Size()
	for size := int64(256 << 20); size >= 4096; {
		err := unix.Fallocate(int(file.Fd()), 0, end, size)
		switch {
		case err == nil:
			end += size
		case errors.Is(err, unix.ENOSPC):
			size /= 2
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("fill the disk: %w", err)
		}
	}
	return nil
}

// eventually calls check until it gives no error, or the last one when the time is over.
func eventually(ctx context.Context, within time.Duration, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %v: %w", within, err)
		case <-pause.C:
		}
	}
}
