package images

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
)

// GCPolicy says when unused images are removed.
type GCPolicy struct {
	// High and Low are percent of the image file system: above High images go until Low is reached. High 100 never removes.
	High, Low int
	// MinAge keeps images that were seen first, or used last, more recently.
	MinAge time.Duration
	// MaxAge removes images unused for longer whatever the disk; 0 never.
	MaxAge time.Duration
	// Period is how often the disk is looked at.
	Period time.Duration
}

// use is what is known of an image over time.
type use struct {
	first, last time.Time
}

// candidate is an image in the eyes of the plan.
type candidate struct {
	id     string
	size   uint64
	use    use
	inUse  bool
	pinned bool
}

// planRemoval chooses images to remove: those past MaxAge, then the longest unused until need bytes are free.
func planRemoval(images []candidate, need uint64, policy GCPolicy, now time.Time) []string {
	var unused []candidate
	for _, i := range images {
		if !i.inUse && !i.pinned && now.Sub(i.use.first) >= policy.MinAge && now.Sub(i.use.last) >= policy.MinAge {
			unused = append(unused, i)
		}
	}
	sort.Slice(unused, func(i, j int) bool {
		if !unused[i].use.last.Equal(unused[j].use.last) {
			return unused[i].use.last.Before(unused[j].use.last)
		}
		return unused[i].use.first.Before(unused[j].use.first)
	})
	var remove []string
	var freed uint64
	for _, i := range unused {
		if old := policy.MaxAge > 0 && now.Sub(i.use.last) > policy.MaxAge; old || freed < need {
			remove = append(remove, i.id)
			freed += i.size
		}
	}
	return remove
}

// Collect removes unused images as the policy says, until ctx ends. inUse lists the image ids of existing containers.
func (m *Manager) Collect(ctx context.Context, policy GCPolicy, inUse func(context.Context) (map[string]bool, error)) {
	history := map[string]use{}
	timer := time.NewTimer(policy.Period)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if err := m.collectOnce(ctx, policy, inUse, history); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Could not remove unused images")
		}
		timer.Reset(policy.Period)
	}
}

func (m *Manager) collectOnce(ctx context.Context, policy GCPolicy, inUse func(context.Context) (map[string]bool, error), history map[string]use) error {
	now := time.Now()
	used, err := inUse(ctx)
	if err != nil {
		return err
	}
	list, err := m.cfg.CRI.ListImages(ctx, nil)
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	need, err := m.excess(ctx, policy)
	if err != nil {
		return err
	}
	present := map[string]bool{}
	var candidates []candidate
	for _, i := range list {
		present[i.Id] = true
		u, known := history[i.Id]
		if !known {
			u = use{first: now, last: now}
		}
		if used[i.Id] {
			u.last = now
		}
		history[i.Id] = u
		candidates = append(candidates, candidate{id: i.Id, size: i.Size, use: u, inUse: used[i.Id], pinned: i.Pinned})
	}
	for id := range history {
		if !present[id] {
			delete(history, id)
		}
	}
	var errs []error
	for _, id := range planRemoval(candidates, need, policy, now) {
		klog.FromContext(ctx).Info("Removing unused image", "image", id)
		if err := m.cfg.CRI.RemoveImage(ctx, &runtimeapi.ImageSpec{Image: id}); err != nil {
			errs = append(errs, fmt.Errorf("remove image %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// RemoveUnused removes every image that no container uses, whatever its age: the node is out of disk space.
func (m *Manager) RemoveUnused(ctx context.Context, inUse func(context.Context) (map[string]bool, error)) error {
	used, err := inUse(ctx)
	if err != nil {
		return err
	}
	list, err := m.cfg.CRI.ListImages(ctx, nil)
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	var errs []error
	for _, i := range list {
		if used[i.Id] || i.Pinned {
			continue
		}
		klog.FromContext(ctx).Info("Removing unused image", "image", i.Id)
		if err := m.cfg.CRI.RemoveImage(ctx, &runtimeapi.ImageSpec{Image: i.Id}); err != nil {
			errs = append(errs, fmt.Errorf("remove image %s: %w", i.Id, err))
		}
	}
	return errors.Join(errs...)
}

// excess is how many bytes must go to come from above High down to Low.
func (m *Manager) excess(ctx context.Context, policy GCPolicy) (uint64, error) {
	info, err := m.cfg.CRI.ImageFsInfo(ctx)
	if err != nil {
		return 0, fmt.Errorf("read image file system: %w", err)
	}
	if len(info.ImageFilesystems) == 0 {
		return 0, errors.New("the container runtime names no image file system")
	}
	mount := info.ImageFilesystems[0].GetFsId().GetMountpoint()
	var fs unix.Statfs_t
	if err := unix.Statfs(mount, &fs); err != nil {
		return 0, fmt.Errorf("read size of %s: %w", mount, err)
	}
	return excessBytes(fs.Blocks*uint64(fs.Bsize), fs.Bavail*uint64(fs.Bsize), policy), nil
}

func excessBytes(capacity, available uint64, policy GCPolicy) uint64 {
	if capacity == 0 || policy.High >= 100 {
		return 0
	}
	used := capacity - min(available, capacity)
	if used*100/capacity < uint64(policy.High) {
		return 0
	}
	return used - min(used, capacity*uint64(policy.Low)/100)
}
