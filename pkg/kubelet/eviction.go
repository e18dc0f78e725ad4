package kubelet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/resource"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/eviction"
	"github.com/proa-sh/proa/pkg/kubelet/node"
	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/kubelet/resources"
)

// evictionConfig makes the eviction of what the configuration says about thresholds.
func (p *parts) evictionConfig() (eviction.Config, error) {
	c := p.cfg.Kubelet
	thresholds, err := thresholds(p.cfg)
	var local func(context.Context) map[*v1.Pod]eviction.LocalUse
	if value(c.LocalStorageCapacityIsolation, true) {
		local = p.localUse
	}
	return eviction.Config{
		Local:      local,
		Thresholds: thresholds, Transition: c.EvictionPressureTransitionPeriod.Duration, MaxGrace: int64(c.EvictionMaxPodGracePeriod),
		Observe:    p.observeNode,
		Free:       func(ctx context.Context) error { return p.images.RemoveUnused(ctx, p.imagesInUse) },
		Candidates: p.candidates,
		End: func(pod *v1.Pod, e podstate.Ending) {
			p.events.record(pod, "", v1.EventTypeWarning, e.Reason, e.Message)
			p.registry.End(pod.UID, e)
		},
		Stopped: func(uid types.UID) bool { s, ok := p.registry.Snapshot(uid); return !ok || s.Stopped },
		Changed: func(now eviction.Pressure) {
			p.node.SetPressure(node.Pressure{Memory: now.Memory, Disk: now.Disk, PID: now.PID})
		},
	}, err
}

// thresholds reads evictionHard and evictionSoft.
func thresholds(cfg *Config) ([]eviction.Threshold, error) {
	c := cfg.Kubelet
	hard, err := resources.ParseThresholds(c.EvictionHard)
	if err != nil {
		return nil, fmt.Errorf("parse evictionHard: %w", err)
	}
	soft, err := resources.ParseThresholds(c.EvictionSoft)
	if err != nil {
		return nil, fmt.Errorf("parse evictionSoft: %w", err)
	}
	reclaim, err := resources.ParseThresholds(c.EvictionMinimumReclaim)
	if err != nil {
		return nil, fmt.Errorf("parse evictionMinimumReclaim: %w", err)
	}
	var all []eviction.Threshold
	add := func(signal string, t resources.Threshold, grace time.Duration) {
		one := eviction.Threshold{Signal: eviction.Signal(signal), Amount: amountOf(t), Grace: grace}
		if r, ok := reclaim[signal]; ok {
			one.Reclaim = amountOf(r)
		}
		all = append(all, one)
	}
	for _, signal := range slices.Sorted(maps.Keys(hard)) {
		add(signal, hard[signal], 0)
	}
	for _, signal := range slices.Sorted(maps.Keys(soft)) {
		grace, err := time.ParseDuration(c.EvictionSoftGracePeriod[signal])
		if err != nil || grace <= 0 {
			return nil, fmt.Errorf("evictionSoft %s needs a period in evictionSoftGracePeriod, it has %q", signal, c.EvictionSoftGracePeriod[signal])
		}
		add(signal, soft[signal], grace)
	}
	return all, nil
}

func amountOf(t resources.Threshold) func(int64) int64 {
	return func(capacity int64) int64 {
		if t.Part > 0 {
			return int64(float64(capacity) * t.Part)
		}
		return t.Quantity.Value()
	}
}

// observeNode reads all signals.
func (p *parts) observeNode(ctx context.Context) (map[eviction.Signal]eviction.Observation, error) {
	observed := map[eviction.Signal]eviction.Observation{}
	var errs []error
	if _, memory, err := p.resources.NodeUsage(); err != nil {
		errs = append(errs, err)
	} else {
		observed[eviction.MemoryAvailable] = eviction.Observation{
			Available: int64(*memory.AvailableBytes), Capacity: p.facts.capacity.Memory().Value(),
		}
	}
	fs := func(path string, space, inodes eviction.Signal) {
		var s unix.Statfs_t
		if err := unix.Statfs(path, &s); err != nil {
			errs = append(errs, fmt.Errorf("read size of %s: %w", path, err))
			return
		}
		observed[space] = eviction.Observation{Available: int64(s.Bavail) * s.Bsize, Capacity: int64(s.Blocks) * s.Bsize}
		if s.Files > 0 { // some file systems have no fixed number
			observed[inodes] = eviction.Observation{Available: int64(s.Ffree), Capacity: int64(s.Files)}
		}
	}
	fs(p.cfg.Root, eviction.NodeFsAvailable, eviction.NodeFsInodesFree)
	if info, err := p.imageAPI.ImageFsInfo(ctx); err != nil {
		errs = append(errs, fmt.Errorf("find the file system of images: %w", err))
	} else if len(info.GetImageFilesystems()) > 0 {
		fs(info.ImageFilesystems[0].GetFsId().GetMountpoint(), eviction.ImageFsAvailable, eviction.ImageFsInodesFree)
	}
	if pids, err := observePIDs(); err != nil {
		errs = append(errs, err)
	} else {
		observed[eviction.PIDAvailable] = pids
	}
	return observed, errors.Join(errs...)
}

// observePIDs reads how many threads there are and may be.
func observePIDs() (o eviction.Observation, err error) {
	limit, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		return o, fmt.Errorf("count processes: %w", err)
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return o, fmt.Errorf("count processes: %w", err)
	}
	fields := strings.Fields(string(load)) // the fourth one is running/all
	if len(fields) < 4 {
		return o, fmt.Errorf("count processes: /proc/loadavg has %d fields", len(fields))
	}
	_, all, _ := strings.Cut(fields[3], "/")
	running, err := strconv.ParseInt(all, 10, 64)
	if err != nil {
		return o, fmt.Errorf("count processes: %w", err)
	}
	if o.Capacity, err = strconv.ParseInt(strings.TrimSpace(string(limit)), 10, 64); err != nil {
		return o, fmt.Errorf("count processes: %w", err)
	}
	o.Available = o.Capacity - running
	return o, nil
}

// candidates are the running pods with what they use of a resource. One whose use cannot be read counts as using nothing.
func (p *parts) candidates(ctx context.Context, r eviction.Resource) []eviction.Candidate {
	usage := p.usageOf(ctx, r)
	var list []eviction.Candidate
	for _, s := range p.registry.Snapshots() {
		if s.Ending || s.Stopped || s.Pod.Spec.NodeName == "" {
			continue
		}
		used, err := usage(s.Pod)
		if err != nil {
			klog.FromContext(ctx).V(2).Info("Could not read what a pod uses", "pod", klog.KObj(s.Pod), "resource", r, "err", err)
		}
		requests := resource.PodRequests(s.Pod, resource.PodResourcesOptions{})
		c := eviction.Candidate{Pod: s.Pod, Usage: used}
		switch r {
		case eviction.Memory:
			c.Request = requests.Memory().Value()
		case eviction.DiskSpace:
			c.Request = requests.StorageEphemeral().Value()
		}
		list = append(list, c)
	}
	return list
}
