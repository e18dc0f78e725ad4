package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	kubelettypes "k8s.io/kubelet/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/eviction"
)

// usageOf gives the question what a pod uses of a resource.
func (p *parts) usageOf(ctx context.Context, r eviction.Resource) func(*v1.Pod) (int64, error) {
	switch r {
	case eviction.Memory:
		return func(pod *v1.Pod) (int64, error) {
			_, memory, err := p.resources.PodUsage(pod)
			if err != nil {
				return 0, err
			}
			return int64(*memory.WorkingSetBytes), nil
		}
	case eviction.PIDs:
		return p.resources.PodPIDs
	}
	layers, layersErr := p.writableLayers(ctx)
	return func(pod *v1.Pod) (int64, error) {
		disk, err := p.diskOf(pod)
		disk.add(layers[pod.UID])
		if r == eviction.Inodes {
			return disk.inodes, errors.Join(layersErr, err)
		}
		return disk.bytes, errors.Join(layersErr, err)
	}
}

// disk is a use of disk.
type disk struct{ bytes, inodes int64 }

func (d *disk) add(other disk) { d.bytes, d.inodes = d.bytes+other.bytes, d.inodes+other.inodes }

// writableLayers is what containers have written to their own file systems, by pod.
func (p *parts) writableLayers(ctx context.Context) (map[types.UID]disk, error) {
	stats, err := p.runtimeAPI.ListContainerStats(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("ask the container runtime what containers use: %w", err)
	}
	used := map[types.UID]disk{}
	for _, s := range stats {
		uid := types.UID(s.GetAttributes().GetLabels()[kubelettypes.KubernetesPodUIDLabel])
		sum := used[uid]
		sum.add(disk{int64(s.GetWritableLayer().GetUsedBytes().GetValue()), int64(s.GetWritableLayer().GetInodesUsed().GetValue())})
		used[uid] = sum
	}
	return used, nil
}

// diskOf is what the pod's logs and the volumes in its directory use.
func (p *parts) diskOf(pod *v1.Pod) (disk, error) {
	paths := p.paths()
	logs, logsErr := diskBelow(paths.LogDir(pod.Namespace, pod.Name, pod.UID))
	volumes, volumesErr := diskBelow(paths.PodDir(pod.UID))
	volumes.add(logs)
	return volumes, errors.Join(logsErr, volumesErr)
}

// diskBelow adds up a directory. What is mounted in it belongs to somebody else; what goes meanwhile counts for nothing.
func diskBelow(dir string) (total disk, err error) {
	top, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return total, nil
	}
	if err != nil {
		return total, err
	}
	device := top.Sys().(*syscall.Stat_t).Dev
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		if stat.Dev != device {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		total.add(disk{bytes: stat.Blocks * 512, inodes: 1})
		return nil
	})
	return total, err
}
