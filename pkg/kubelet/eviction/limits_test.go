package eviction

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestOverLimit(t *testing.T) {
	quantity := func(text string) *resource.Quantity { return new(resource.MustParse(text)) }
	limited := func(name, limit string) v1.Container {
		c := v1.Container{Name: name}
		if limit != "" {
			c.Resources.Limits = v1.ResourceList{v1.ResourceEphemeralStorage: resource.MustParse(limit)}
		}
		return c
	}
	volume := func(name string, e v1.EmptyDirVolumeSource) v1.Volume {
		return v1.Volume{Name: name, VolumeSource: v1.VolumeSource{EmptyDir: &e}}
	}
	scratch := volume("scratch", v1.EmptyDirVolumeSource{SizeLimit: quantity("1Ki")})
	for name, tc := range map[string]struct {
		spec    v1.PodSpec
		use     LocalUse
		limited bool
		want    string
	}{
		"no limits": {v1.PodSpec{Containers: []v1.Container{{Name: "c"}}}, LocalUse{Total: 1 << 40}, false, ""},
		"a volume within its limit": {v1.PodSpec{Volumes: []v1.Volume{scratch}},
			LocalUse{EmptyDirs: map[string]int64{"scratch": 1024}, Total: 1024}, true, ""},
		"a volume over its limit": {v1.PodSpec{Volumes: []v1.Volume{scratch}},
			LocalUse{EmptyDirs: map[string]int64{"scratch": 1025}, Total: 1025}, true, `Usage of EmptyDir volume "scratch" exceeds the limit "1Ki". `},
		"a volume in memory": {v1.PodSpec{Volumes: []v1.Volume{volume("mem", v1.EmptyDirVolumeSource{Medium: v1.StorageMediumMemory, SizeLimit: quantity("1Ki")})}},
			LocalUse{EmptyDirs: map[string]int64{"mem": 1 << 20}}, false, ""},
		"all of a pod": {v1.PodSpec{Containers: []v1.Container{limited("a", "1Ki"), limited("b", "1Ki")}},
			LocalUse{Containers: map[string]int64{"a": 1000, "b": 1000}, Total: 2049}, true,
			"Pod ephemeral local storage usage exceeds the total limit of containers 2Ki. "},
		"one container": {v1.PodSpec{Containers: []v1.Container{limited("a", "1Ki"), limited("b", "1Ki")}},
			LocalUse{Containers: map[string]int64{"a": 1500, "b": 100}, Total: 1600}, true, `Container a exceeded its local ephemeral storage limit "1Ki". `},
		"a container without limit beside one with": {v1.PodSpec{Containers: []v1.Container{limited("a", "1Ki"), limited("b", "")}},
			LocalUse{Containers: map[string]int64{"a": 10, "b": 900}, Total: 910}, true, ""},
		"a critical pod": {v1.PodSpec{Volumes: []v1.Volume{scratch}, Priority: new(int32(2000001000))},
			LocalUse{EmptyDirs: map[string]int64{"scratch": 1025}}, true, ""},
	} {
		pod := &v1.Pod{Spec: tc.spec}
		if got := HasLocalLimits(pod); got != tc.limited {
			t.Errorf("%s: limited is %v", name, got)
		}
		got := ""
		if e := OverLimit(pod, tc.use); e != nil {
			got = e.Message
			if e.Reason != "Evicted" || e.Phase != v1.PodFailed || *e.Grace != 1 || e.Condition.Type != v1.DisruptionTarget {
				t.Errorf("%s: %+v", name, e)
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
