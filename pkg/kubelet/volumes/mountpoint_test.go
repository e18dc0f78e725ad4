package volumes

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
)

// TestMountPoints follows a volume in which a container mounts other things over several refreshes of its content.
func TestMountPoints(t *testing.T) {
	configMap := &v1.ConfigMap{Data: map[string]string{"a.conf": "1"}}
	w := &world{configMaps: map[string]*v1.ConfigMap{"app": configMap}}
	m := newManager(t, w)
	pod := podWith(v1.Volume{Name: "app", VolumeSource: v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{
		LocalObjectReference: v1.LocalObjectReference{Name: "app"}, DefaultMode: pointer[int32](0o644)}}})
	pod.Spec.Containers = []v1.Container{{Name: "c", TerminationMessagePath: "/etc/app/last/words", VolumeMounts: []v1.VolumeMount{
		{Name: "app", MountPath: "/etc/app"}, {Name: "cache", MountPath: "/etc/app/cache/deep"}, {Name: "keys", MountPath: "/etc/app/tls.key"},
		{Name: "over", MountPath: "/etc/app/a.conf"}, {Name: "other", MountPath: "/etc/apple"},
	}}}
	paths, err := m.Setup(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	dir := paths["app"].Path
	if !paths["app"].Content {
		t.Error("the volume does not say that only the kubelet writes it")
	}
	for place, directory := range map[string]bool{"cache/deep": true, "tls.key": false, "a.conf": false, "last/words": false} {
		for range 2 { // a restarted container asks again
			if err := m.MountPoint(dir, place, directory); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.MountPoint(dir, "../outside", true); err == nil {
		t.Error("a mount point outside of the volume was made")
	}
	for step, tc := range []struct {
		data map[string]string
		want []string
	}{
		{map[string]string{"a.conf": "1"}, []string{"a.conf", "cache/deep", "last/words", "tls.key"}},
		{map[string]string{"a.conf": "2", "b.conf": "1"}, []string{"a.conf", "b.conf", "cache/deep", "last/words", "tls.key"}},
		{map[string]string{"cache": "a key of the name of a mount point"}, []string{"cache/deep", "last/words", "tls.key"}},
		{map[string]string{"a.conf": "3"}, []string{"a.conf", "cache/deep", "last/words", "tls.key"}},
	} {
		configMap.Data = tc.data
		if err := m.Refresh(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, pattern := range []string{"*.conf", "cache/*", "last/*", "tls.key"} {
			found, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				name, err := filepath.Rel(dir, f)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, name)
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", step, diff)
		}
	}
}
