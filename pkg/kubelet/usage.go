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
	"k8s.io/klog/v2"
	kubelettypes "k8s.io/kubelet/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/eviction"
	"github.com/proa-sh/proa/pkg/pods"
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

// localUse measures the pods that have a limit on what they have on the node's disk. One that cannot be measured is left out.
func (p *parts) localUse(ctx context.Context) map[*v1.Pod]eviction.LocalUse {
	var limited []*v1.Pod
	for _, s := range p.registry.Snapshots() {
		if !s.Ending && !s.Stopped && eviction.HasLocalLimits(s.Pod) {
			limited = append(limited, s.Pod)
		}
	}
	if len(limited) == 0 {
		return nil
	}
	logger := klog.FromContext(ctx)
	layers, err := p.containerLayers(ctx)
	if err != nil {
		logger.Error(err, "Could not measure what pods have on disk")
		return nil
	}
	used := map[*v1.Pod]eviction.LocalUse{}
	for _, pod := range limited {
		use, err := p.localUseOf(pod, layers[pod.UID])
		if err != nil {
			logger.Error(err, "Could not measure what a pod has on disk", "pod", klog.KObj(pod))
			continue
		}
		used[pod] = use
	}
	return used
}

// localUseOf measures one pod. layers are the writable layers of its containers.
func (p *parts) localUseOf(pod *v1.Pod, layers map[string]disk) (eviction.LocalUse, error) {
	use := eviction.LocalUse{EmptyDirs: map[string]int64{}, Containers: map[string]int64{}}
	all, err := p.diskOf(pod)
	errs := []error{err}
	for i := range pod.Spec.Volumes {
		if v := &pod.Spec.Volumes[i]; v.EmptyDir != nil && v.EmptyDir.Medium == v1.StorageMediumDefault {
			size, err := diskBelow(p.volumes.EmptyDir(pod.UID, v.Name))
			errs = append(errs, err)
			use.EmptyDirs[v.Name] = size.bytes
		}
	}
	for c := range pods.AllContainers(pod) {
		log, err := diskBelow(filepath.Join(p.cfg.paths().LogDir(pod.Namespace, pod.Name, pod.UID), c.Name))
		errs = append(errs, err)
		use.Containers[c.Name] = log.bytes + layers[c.Name].bytes
		all.add(layers[c.Name])
	}
	use.Total = all.bytes
	return use, errors.Join(errs...)
}

// disk is a use of disk.
type disk struct{ bytes, inodes int64 }

func (d *disk) add(other disk) { d.bytes, d.inodes = d.bytes+other.bytes, d.inodes+other.inodes }

// writableLayers is what containers have written to their own file systems, by pod.
func (p *parts) writableLayers(ctx context.Context) (map[types.UID]disk, error) {
	layers, err := p.containerLayers(ctx)
	sums := map[types.UID]disk{}
	for uid, containers := range layers {
		sum := disk{}
		for _, layer := range containers {
			sum.add(layer)
		}
		sums[uid] = sum
	}
	return sums, err
}

// containerLayers is what containers have written to their own file systems, by pod and container.
func (p *parts) containerLayers(ctx context.Context) (map[types.UID]map[string]disk, error) {
	stats, err := p.runtimeAPI.ListContainerStats(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("ask the container runtime what containers use: %w", err)
	}
	used := map[types.UID]map[string]disk{}
	for _, s := range stats {
		labels := s.GetAttributes().GetLabels()
		uid, name := types.UID(labels[kubelettypes.KubernetesPodUIDLabel]), labels[kubelettypes.KubernetesContainerNameLabel]
		if used[uid] == nil {
			used[uid] = map[string]disk{}
		}
		sum := used[uid][name]
		sum.add(disk{int64(s.GetWritableLayer().GetUsedBytes().GetValue()), int64(s.GetWritableLayer().GetInodesUsed().GetValue())})
		used[uid][name] = sum
	}
	return used, nil
}

// diskOf is what the pod's logs and the volumes in its directory use.
func (p *parts) diskOf(pod *v1.Pod) (disk, error) {
	paths := p.cfg.paths()
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
