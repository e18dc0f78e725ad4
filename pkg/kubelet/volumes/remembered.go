package volumes

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/record"
	"github.com/proa-sh/proa/pkg/pods"
)

// Directories below that of a pod.
const (
	volumesDir  = "volumes"
	subPathsDir = "volume-subpaths"
)

// prepare writes down what Setup, and SubPath after it, will do for the pod, before anything of it is done. Volumes that were
// written down before stay: they may still be there though the pod does not name them any more.
func (m *Manager) prepare(pod *v1.Pod) error {
	var list []record.Volume
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		k, err := m.kindOf(pod, volume)
		if err != nil || k.plugin() == "" {
			continue // nothing is set up on the host; Setup reports what is not known
		}
		list = append(list, record.Volume{Name: volume.Name, Kind: k.plugin(), Stage: record.Preparing, Mounts: mountsOf(pod, volume.Name, k.plugin())})
	}
	return m.records.Change(pod.UID, func(r *record.Record) {
		merged := slices.Clone(r.Volumes)
		for _, v := range list {
			at := slices.IndexFunc(merged, func(old record.Volume) bool { return old.Name == v.Name && old.Kind == v.Kind })
			if at < 0 {
				merged = append(merged, v)
				continue
			}
			merged[at].Mounts = v.Mounts
		}
		r.Volumes = merged
	})
}

// ready writes down which volumes are set up.
func (m *Manager) ready(uid types.UID, paths Paths) error {
	return m.records.Change(uid, func(r *record.Record) {
		merged := slices.Clone(r.Volumes)
		for i := range merged {
			if _, ok := paths[merged[i].Name]; ok {
				merged[i].Stage = record.Ready
			}
		}
		r.Volumes = merged
	})
}

// expectSubPath makes sure that the place of a subPath is written down before something is mounted there. The pod's own spec has
// named it to prepare, as a rule.
func (m *Manager) expectSubPath(r SubPathRequest) error {
	place := subPathTarget(r.Volume, r.Container, r.Index)
	return m.records.Change(r.PodUID, func(known *record.Record) {
		merged := slices.Clone(known.Volumes)
		at := slices.IndexFunc(merged, func(v record.Volume) bool { return v.Name == r.Volume })
		if at < 0 {
			at, merged = len(merged), append(merged, record.Volume{Name: r.Volume, Stage: record.Ready})
		}
		if !slices.Contains(merged[at].Mounts, place) {
			merged[at].Mounts = append(slices.Clone(merged[at].Mounts), place)
		}
		known.Volumes = merged
	})
}

// mountsOf are the places at which something may be mounted for the volume, relative to the pod's directory.
func mountsOf(pod *v1.Pod, volume, plugin string) []string {
	mounts := []string{path.Join(volumesDir, plugin, volume)}
	for c := range pods.AllContainers(pod) {
		for i := range c.VolumeMounts {
			if m := &c.VolumeMounts[i]; m.Name == volume && (m.SubPath != "" || m.SubPathExpr != "") {
				mounts = append(mounts, subPathTarget(volume, c.Name, i))
			}
		}
	}
	return mounts
}

func subPathTarget(volume, container string, index int) string {
	return path.Join(subPathsDir, volume, container, strconv.Itoa(index))
}

// owned says which places below a pod's directory are the kubelet's own mounts: those of the record, or, for a pod of which it
// tells no volume, those of the kinds that every kubelet makes by itself and that hold nothing which outlives the pod.
func (m *Manager) owned(uid types.UID) func(place string) bool {
	r, ok := m.records.Get(uid)
	if !ok || len(r.Volumes) == 0 {
		return m.isOwnLayout
	}
	places := map[string]bool{}
	for _, v := range r.Volumes {
		for _, place := range v.Mounts {
			places[place] = true
		}
	}
	return func(place string) bool { return places[place] }
}

func (m *Manager) isOwnLayout(place string) bool {
	parts := strings.Split(filepath.ToSlash(place), "/")
	switch {
	case len(parts) == 3 && parts[0] == volumesDir:
		return slices.ContainsFunc(m.kinds, func(k kind) bool { return k.plugin() == parts[1] })
	case len(parts) == 4 && parts[0] == subPathsDir:
		_, err := strconv.Atoi(parts[3])
		return err == nil
	}
	return false
}
