package kubelet

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
)

// TestNameImages: the images of all sorts of containers, and those mounted as volumes, are in use.
func TestNameImages(t *testing.T) {
	names := map[string]bool{}
	nameImages(&v1.Pod{Spec: v1.PodSpec{
		InitContainers:      []v1.Container{{Image: "init"}},
		Containers:          []v1.Container{{Image: "main"}, {}},
		EphemeralContainers: []v1.EphemeralContainer{{EphemeralContainerCommon: v1.EphemeralContainerCommon{Image: "debug"}}},
		Volumes: []v1.Volume{
			{VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}},
			{VolumeSource: v1.VolumeSource{Image: &v1.ImageVolumeSource{Reference: "data"}}},
		},
	}}, names)
	if diff := cmp.Diff(map[string]bool{"init": true, "main": true, "debug": true, "data": true}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// TestUserNamespace: a pod that asks for a user namespace of its own is not started without.
func TestUserNamespace(t *testing.T) {
	for _, test := range []struct {
		hostUsers *bool
		refused   bool
	}{{nil, false}, {new(true), false}, {new(false), true}} {
		if ns, err := userNamespace(&v1.Pod{Spec: v1.PodSpec{HostUsers: test.hostUsers}}); ns != nil || (err != nil) != test.refused {
			t.Errorf("hostUsers %v: %v, %v", test.hostUsers, ns, err)
		}
	}
}
