package volumes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// emptyDir is scratch space that lives as long as the pod: a directory, a tmpfs or a hugetlbfs.
type emptyDir struct {
	mounter Mounter
	node    NodeSource
}

func (emptyDir) matches(s *v1.VolumeSource) bool { return s.EmptyDir != nil }
func (emptyDir) plugin() string                  { return "kubernetes.io~empty-dir" }

func (e emptyDir) setup(ctx context.Context, r *request) (podstate.VolumePath, error) {
	gid := fsGroup(r.pod)
	switch medium := r.volume.EmptyDir.Medium; {
	case medium == v1.StorageMediumDefault:
		return podstate.VolumePath{Path: r.dir}, makeOpenDir(r.dir, gid)
	case medium == v1.StorageMediumMemory:
		node, err := e.node.Node(ctx)
		if err != nil {
			return podstate.VolumePath{}, fmt.Errorf("read allocatable memory of the node: %w", err)
		}
		if err := os.MkdirAll(r.dir, 0o755); err != nil {
			return podstate.VolumePath{}, err
		}
		size := memorySize(r.pod, r.volume.EmptyDir.SizeLimit, node.Status.Allocatable)
		return podstate.VolumePath{Path: r.dir}, mountTmpfs(e.mounter, r.dir, size, openMode(gid), gid)
	case strings.HasPrefix(string(medium), string(v1.StorageMediumHugePages)):
		return podstate.VolumePath{Path: r.dir}, e.mountHugePages(r, medium, gid)
	default:
		return podstate.VolumePath{}, fmt.Errorf("unknown storage medium %q", medium)
	}
}

// makeOpenDir makes a directory that every user of the pod may write, in one step: a directory that exists has its mode
// and owner, and what the pod changed since stays.
func makeOpenDir(dir string, gid *int64) error {
	if info, err := os.Lstat(dir); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		return nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return err
	}
	if gid != nil {
		if err := os.Lchown(fresh, -1, int(*gid)); err != nil {
			return errors.Join(err, os.Remove(fresh))
		}
	}
	if err := os.Chmod(fresh, openMode(gid)); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return nil
}

// openMode is the mode of a directory for everybody; with an fsGroup new files inherit the group.
func openMode(gid *int64) os.FileMode {
	if gid != nil {
		return 0o777 | os.ModeSetgid
	}
	return 0o777
}

// memorySize is how many bytes a memory volume may hold: the least of its own limit, the pod's memory limit and what
// the node can allocate. 0 means no bound is known.
func memorySize(pod *v1.Pod, sizeLimit *resource.Quantity, allocatable v1.ResourceList) int64 {
	size := int64(0)
	bound := func(q resource.Quantity) {
		if value := q.Value(); value > 0 && (size == 0 || value < size) {
			size = value
		}
	}
	bound(allocatable[v1.ResourceMemory])
	bound(pods.BindingLimits(pod)[v1.ResourceMemory])
	if sizeLimit != nil {
		bound(*sizeLimit)
	}
	return size
}

// mountHugePages mounts a hugetlbfs whose page size the medium names, or else the only one that the pod requests.
func (e emptyDir) mountHugePages(r *request, medium v1.StorageMedium, gid *int64) error {
	size, err := hugePageSize(r.pod, medium)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return err
	}
	if mounted, err := e.mounter.IsMountPoint(r.dir); err != nil || mounted {
		return err
	}
	options := []string{fmt.Sprintf("pagesize=%d", size.Value()), fmt.Sprintf("mode=%o", unixMode(openMode(gid)))}
	if gid != nil {
		options = append(options, fmt.Sprintf("gid=%d", *gid))
	}
	return e.mounter.Mount("nodev", r.dir, "hugetlbfs", options)
}

func hugePageSize(pod *v1.Pod, medium v1.StorageMedium) (resource.Quantity, error) {
	requested := map[string]resource.Quantity{}
	for _, container := range append(append([]v1.Container(nil), pod.Spec.InitContainers...), pod.Spec.Containers...) {
		for name := range container.Resources.Requests {
			if text, ok := strings.CutPrefix(string(name), v1.ResourceHugePagesPrefix); ok {
				size, err := resource.ParseQuantity(text)
				if err != nil {
					return resource.Quantity{}, fmt.Errorf("parse page size of resource %q: %w", name, err)
				}
				requested[size.String()] = size
			}
		}
	}
	if text, ok := strings.CutPrefix(string(medium), string(v1.StorageMediumHugePagesPrefix)); ok {
		size, err := resource.ParseQuantity(text)
		if err != nil {
			return resource.Quantity{}, fmt.Errorf("parse page size of medium %q: %w", medium, err)
		}
		if _, ok := requested[size.String()]; !ok {
			return resource.Quantity{}, fmt.Errorf("medium %q: no container of the pod requests hugepages of this size", medium)
		}
		return size, nil
	}
	if len(requested) != 1 {
		return resource.Quantity{}, fmt.Errorf("medium %q needs containers that request hugepages of exactly one size, found %d sizes", medium, len(requested))
	}
	for _, size := range requested {
		return size, nil
	}
	return resource.Quantity{}, nil
}
