package runtime

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// hostsPath is where a container sees the hosts file.
const hostsPath = "/etc/hosts"

// plannedMount is a mount whose sub-path has still to be prepared.
type plannedMount struct {
	mount *runtimeapi.Mount
	// volume and subPath are set when the mount shows a part of the volume; the host path is then filled in later.
	volume  podstate.VolumePath
	subPath string
}

// planMounts computes the mounts of volumes. Nothing on the host is touched.
func planMounts(in ContainerInput, lookup func(string) (string, bool)) ([]plannedMount, []*runtimeapi.Device, error) {
	var mounts []plannedMount
	for i := range in.Container.VolumeMounts {
		m := &in.Container.VolumeMounts[i]
		volume, ok := in.Volumes[m.Name]
		if !ok {
			return nil, nil, fmt.Errorf("cannot find volume %q to mount into container %q", m.Name, in.Container.Name)
		}
		subPath, err := resolveSubPath(m, lookup)
		if err != nil {
			return nil, nil, err
		}
		planned, err := planMount(in, m, volume, subPath)
		if err != nil {
			return nil, nil, err
		}
		mounts = append(mounts, planned)
	}
	var devices []*runtimeapi.Device
	for _, d := range in.Container.VolumeDevices {
		volume, ok := in.Volumes[d.Name]
		if !ok || !volume.Block {
			return nil, nil, fmt.Errorf("cannot find block volume %q for container %q", d.Name, in.Container.Name)
		}
		permission := "mrw"
		if volume.ReadOnly {
			permission = "r"
		}
		devices = append(devices, &runtimeapi.Device{ContainerPath: d.DevicePath, HostPath: volume.Path, Permissions: permission})
	}
	return mounts, devices, nil
}

func planMount(in ContainerInput, m *v1.VolumeMount, volume podstate.VolumePath, subPath string) (plannedMount, error) {
	target := m.MountPath
	if !path.IsAbs(target) {
		target = "/" + target
	}
	mount := &runtimeapi.Mount{
		ContainerPath:  target,
		HostPath:       volume.Path,
		Readonly:       m.ReadOnly || volume.ReadOnly,
		SelinuxRelabel: volume.SELinuxRelabel,
	}
	if volume.Image != "" {
		mount.Image = &runtimeapi.ImageSpec{Image: volume.Image, UserSpecifiedImage: volume.Image}
		mount.ImageSubPath = subPath
		mount.HostPath = ""
		mount.Readonly = true
		return plannedMount{mount: mount}, nil
	}
	var err error
	if mount.Propagation, err = propagation(m.MountPropagation); err != nil {
		return plannedMount{}, err
	}
	if mount.RecursiveReadOnly, err = recursiveReadOnly(m, in.RecursiveReadOnly); err != nil {
		return plannedMount{}, err
	}
	if in.UserNS != nil {
		mount.UidMappings, mount.GidMappings = in.UserNS.Uids, in.UserNS.Gids
	}
	return plannedMount{mount: mount, volume: volume, subPath: subPath}, nil
}

// resolveSubPath expands subPathExpr; the result must stay inside the volume.
func resolveSubPath(m *v1.VolumeMount, lookup func(string) (string, bool)) (string, error) {
	sub := m.SubPath
	if m.SubPathExpr != "" {
		if missing := undefined(m.SubPathExpr, lookup); len(missing) > 0 {
			return "", fmt.Errorf("missing value for %q", missing[0])
		}
		sub = Expand(m.SubPathExpr, lookup)
	}
	if sub == "" {
		return "", nil
	}
	if filepath.IsAbs(sub) {
		return "", fmt.Errorf("error SubPath %q must not be an absolute path", sub)
	}
	for _, part := range strings.Split(filepath.ToSlash(sub), "/") {
		if part == ".." {
			return "", fmt.Errorf("unable to provision SubPath %q: must not contain '..'", sub)
		}
	}
	return filepath.Clean(sub), nil
}

func propagation(mode *v1.MountPropagationMode) (runtimeapi.MountPropagation, error) {
	if mode == nil {
		return runtimeapi.MountPropagation_PROPAGATION_PRIVATE, nil
	}
	switch *mode {
	case v1.MountPropagationNone:
		return runtimeapi.MountPropagation_PROPAGATION_PRIVATE, nil
	case v1.MountPropagationHostToContainer:
		return runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER, nil
	case v1.MountPropagationBidirectional:
		return runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL, nil
	}
	return 0, fmt.Errorf("invalid MountPropagation mode: %q", *mode)
}

func recursiveReadOnly(m *v1.VolumeMount, supported bool) (bool, error) {
	if m.RecursiveReadOnly == nil {
		return false, nil
	}
	switch *m.RecursiveReadOnly {
	case v1.RecursiveReadOnlyDisabled:
		return false, nil
	case v1.RecursiveReadOnlyIfPossible:
		return supported && m.ReadOnly && (m.MountPropagation == nil || *m.MountPropagation == v1.MountPropagationNone), nil
	case v1.RecursiveReadOnlyEnabled:
		if !supported {
			return false, fmt.Errorf("volume %q requested recursive read-only mode, but it is not supported by the runtime", m.Name)
		}
		return true, nil
	}
	return false, fmt.Errorf("unknown recursive read-only mode: %q", *m.RecursiveReadOnly)
}

// nestedMount is a mount inside a volume that only the kubelet can write.
type nestedMount struct {
	// volumePath is the volume on the host, place where in it the mount goes.
	volumePath, place string
	// source is the host path that is mounted there, empty for an image.
	source string
}

// nestedMounts finds the mounts whose mount points the runtime cannot make by itself. planned are those of volumes, all of them
// with the kubelet's own; a mount lies in that with the longest path above it.
func nestedMounts(planned []plannedMount, all []*runtimeapi.Mount) []nestedMount {
	var nested []nestedMount
	for _, m := range all {
		target := path.Clean(m.ContainerPath)
		var parent *plannedMount
		for i := range planned {
			p := &planned[i]
			if p.mount != m && isBelow(target, p.mount.ContainerPath) &&
				(parent == nil || isBelow(p.mount.ContainerPath, parent.mount.ContainerPath)) {
				parent = p
			}
		}
		if parent == nil || !parent.volume.Content || parent.subPath != "" {
			continue
		}
		place := strings.TrimPrefix(target[len(path.Clean(parent.mount.ContainerPath)):], "/")
		nested = append(nested, nestedMount{volumePath: parent.volume.Path, place: place, source: m.HostPath})
	}
	return nested
}

func isBelow(target, parent string) bool {
	parent = path.Clean(parent)
	return parent != "/" && strings.HasPrefix(path.Clean(target), parent+"/")
}

// mountsOver says whether the container mounts something at the path by itself.
func mountsOver(c *v1.Container, target string) bool {
	for i := range c.VolumeMounts {
		if path.Clean(c.VolumeMounts[i].MountPath) == target {
			return true
		}
	}
	return false
}
