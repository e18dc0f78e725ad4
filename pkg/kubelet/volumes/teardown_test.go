package volumes

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/record"
)

// precious mounts a file system at dir that is not the kubelet's, with a file in it.
func precious(t *testing.T, dir string) (file string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := (SystemMounter{}).Mount("tmpfs", dir, "tmpfs", nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := (SystemMounter{}).Unmount(dir); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
	file = filepath.Join(dir, "precious")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func inMemoryVolume(name string) v1.Volume {
	return v1.Volume{Name: name, VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{Medium: v1.StorageMediumMemory}}}
}

// TestTeardownOfOthersMounts: what somebody else has mounted below a pod's directory is neither unmounted nor deleted, by this
// kubelet nor by the next; when it is gone the rest goes too.
func TestTeardownOfOthersMounts(t *testing.T) {
	for name, place := range map[string]string{
		"in a volume":               "volumes/kubernetes.io~empty-dir/mem/sub",
		"over a volume":             "volumes/kubernetes.io~empty-dir/mem",
		"a driver's volume":         "volumes/kubernetes.io~csi/pv/mount",
		"in the pod's directory":    "plugins/any",
		"beside a part of a volume": "volume-subpaths/mem/c/7",
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			m := newManager(t, w)
			pod := podWith(inMemoryVolume("mem"), inMemoryVolume("other"))
			if _, err := m.Setup(t.Context(), pod); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(m.PodDir(pod.UID), place)
			file := precious(t, dir)
			for range 2 {
				var foreign *ForeignMounts
				if err := m.Teardown(t.Context(), pod.UID); !errors.As(err, &foreign) {
					t.Fatalf("got %v, want *ForeignMounts", err)
				}
				if _, err := os.Stat(file); err != nil {
					t.Fatalf("what is not the kubelet's was unmounted or deleted: %v", err)
				}
				if mounted, err := m.mounter.IsMountPoint(filepath.Join(m.PodDir(pod.UID), "volumes/kubernetes.io~empty-dir/other")); err != nil || mounted {
					t.Errorf("the kubelet's own volume is still mounted: %v", err)
				}
				m = managerOn(t, w, m.root)
			}
			if err := m.mounter.Unmount(dir); err != nil {
				t.Fatal(err)
			}
			if err := m.Teardown(t.Context(), pod.UID); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(m.PodDir(pod.UID)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the pod's directory is still there: %v", err)
			}
		})
	}
}

// TestTeardownWithoutRecord: of a pod that another kubelet ran, only what cannot outlive the pod is taken away.
func TestTeardownWithoutRecord(t *testing.T) {
	m := newManager(t, &world{})
	dir := m.PodDir("theirs")
	own := filepath.Join(dir, "volumes/kubernetes.io~projected/token")
	precious(t, own)
	staged := filepath.Join(dir, "volumes/kubernetes.io~csi/pv/mount")
	file := precious(t, staged)
	var foreign *ForeignMounts
	if err := m.Teardown(t.Context(), "theirs"); !errors.As(err, &foreign) {
		t.Fatalf("got %v, want *ForeignMounts", err)
	}
	if diff := cmp.Diff(&ForeignMounts{UID: "theirs", Mounts: []string{staged}}, foreign); diff != "" {
		t.Errorf("left alone (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	if err := m.mounter.Unmount(staged); err != nil {
		t.Fatal(err)
	}
	if err := m.Teardown(t.Context(), "theirs"); err != nil {
		t.Error(err)
	}
}

// TestSetupIsRemembered follows the record of a pod's volumes over kubelets that are killed between the record and the deed, and
// between the deed and the record.
func TestSetupIsRemembered(t *testing.T) {
	w := &world{secrets: map[string]*v1.Secret{}}
	m := newManager(t, w)
	secret := v1.Volume{Name: "key", VolumeSource: v1.VolumeSource{Secret: &v1.SecretVolumeSource{SecretName: "key"}}}
	pod := podWith(inMemoryVolume("mem"), secret, v1.Volume{Name: "host", VolumeSource: v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{Path: "/"}}})
	pod.Spec.Containers[0].VolumeMounts = []v1.VolumeMount{{Name: "key", MountPath: "/key"}, {Name: "mem", MountPath: "/mem", SubPath: "part"}}
	mem := record.Volume{Name: "mem", Kind: "kubernetes.io~empty-dir", Stage: record.Preparing,
		Mounts: []string{"volumes/kubernetes.io~empty-dir/mem", "volume-subpaths/mem/c/1"}}
	key := record.Volume{Name: "key", Kind: "kubernetes.io~secret", Stage: record.Preparing, Mounts: []string{"volumes/kubernetes.io~secret/key"}}
	expect := func(when string, want ...record.Volume) {
		t.Helper()
		m = managerOn(t, w, m.root)
		r, ok := m.records.Get(pod.UID)
		if !ok {
			t.Fatalf("%s: nothing is remembered", when)
		}
		if diff := cmp.Diff(want, r.Volumes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	if err := m.prepare(pod); err != nil {
		t.Fatal(err)
	}
	expect("killed before anything was done", mem, key)
	if err := m.Teardown(t.Context(), pod.UID); err != nil {
		t.Errorf("tear-down of what was not done: %v", err)
	}
	paths, err := m.Setup(t.Context(), pod)
	if err == nil {
		t.Fatal("a secret that does not exist was set up")
	}
	mem.Stage = record.Ready
	expect("killed after the first of two", mem, key)
	w.secrets["key"] = &v1.Secret{}
	if paths, err = m.Setup(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	if _, err := m.SubPath(SubPathRequest{PodUID: pod.UID, Container: "c", Index: 1, Volume: "mem", VolumePath: paths["mem"].Path, SubPath: "part"}); err != nil {
		t.Fatal(err)
	}
	key.Stage = record.Ready
	expect("all of it", mem, key)
	if err := m.Teardown(t.Context(), pod.UID); err != nil {
		t.Error(err)
	}
	if mounts, err := mountsBelow(m.root); err != nil || len(mounts) > 0 {
		t.Errorf("left mounted: %v, %v", mounts, err)
	}
}
