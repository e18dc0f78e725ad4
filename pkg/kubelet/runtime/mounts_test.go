package runtime

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

func TestNestedMounts(t *testing.T) {
	content := podstate.VolumePath{Path: "/content", ReadOnly: true, Content: true}
	in := ContainerInput{
		Pod: &v1.Pod{}, HostsFile: "/hosts", MessageFile: "/message",
		Volumes: map[string]podstate.VolumePath{"content": content, "empty": {Path: "/empty"}, "image": {Image: "img", ReadOnly: true}},
		Container: &v1.Container{TerminationMessagePath: "/etc/app/words", VolumeMounts: []v1.VolumeMount{
			{Name: "empty", MountPath: "/etc/app/cache"},
			{Name: "content", MountPath: "/etc/app/"},
			{Name: "image", MountPath: "/etc/app/img"},
			{Name: "content", MountPath: "/etc/app/cache/in"}, // its parent can be written
			{Name: "empty", MountPath: "/etc/app/cache/in/it"},
			{Name: "empty", MountPath: "/etc/apple"},
			{Name: "content", MountPath: "/part", SubPath: "d"},
			{Name: "empty", MountPath: "/part/below"},
		}},
	}
	conf, planned, err := ContainerConfig(in)
	if err != nil {
		t.Fatal(err)
	}
	want := []nestedMount{
		{"/content", "cache", "/empty"}, {"/content", "img", ""}, {"/content", "it", "/empty"}, {"/content", "words", "/message"},
	}
	if diff := cmp.Diff(want, nestedMounts(planned, conf.Mounts), cmp.AllowUnexported(nestedMount{})); diff != "" {
		t.Errorf("nested mounts (-want +got):\n%s", diff)
	}
}
