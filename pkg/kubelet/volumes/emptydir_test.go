package volumes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestEmptyDirInMemory(t *testing.T) {
	m := newManager(t, &world{})
	pod := podWith(v1.Volume{Name: "m", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{
		Medium: v1.StorageMediumMemory, SizeLimit: pointer(resource.MustParse("1Mi")),
	}}})
	paths, err := m.Setup(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	dir := paths["m"].Path
	if want := m.PodDir(pod.UID) + "/volumes/kubernetes.io~empty-dir/m"; dir != want {
		t.Errorf("path %s, want %s", dir, want)
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		t.Fatal(err)
	}
	if size := int64(stat.Blocks) * stat.Bsize; stat.Type != unix.TMPFS_MAGIC || size != 1<<20 {
		t.Errorf("file system type %x of %d bytes, want a tmpfs of 1 MiB", stat.Type, size)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().String() != "drwxrwxrwx" {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// What the pod wrote survives a second Setup, as after a restart of the kubelet.
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Setup(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "f")); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "large"), make([]byte, 2<<20), 0o600); err == nil {
		t.Error("2 MiB fit into a volume of 1 MiB")
	}
}

func TestMemorySize(t *testing.T) {
	limited := podWith()
	unlimited := podWith()
	unlimited.Spec.Containers[0].Resources = v1.ResourceRequirements{}
	node := v1.ResourceList{v1.ResourceMemory: resource.MustParse("1Gi")}
	for _, tc := range []struct {
		name  string
		pod   *v1.Pod
		limit *resource.Quantity
		node  v1.ResourceList
		want  int64
	}{
		{"pod limit", limited, nil, node, 64 << 20},
		{"own limit", limited, pointer(resource.MustParse("1Mi")), node, 1 << 20},
		{"own limit beyond the pod's", limited, pointer(resource.MustParse("2Gi")), node, 64 << 20},
		{"own limit of zero", limited, pointer(resource.MustParse("0")), node, 64 << 20},
		{"node", unlimited, nil, node, 1 << 30},
		{"nothing known", unlimited, nil, nil, 0},
	} {
		if got := memorySize(tc.pod, tc.limit, tc.node); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}

func TestHugePageSize(t *testing.T) {
	pod := func(sizes ...string) *v1.Pod {
		requests := v1.ResourceList{}
		for _, size := range sizes {
			requests[v1.ResourceName("hugepages-"+size)] = resource.MustParse("1Gi")
		}
		return &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{Resources: v1.ResourceRequirements{Requests: requests}}}}}
	}
	for _, tc := range []struct {
		pod        *v1.Pod
		medium     v1.StorageMedium
		want, fail string
	}{
		{pod("2Mi"), "HugePages", "2Mi", ""},
		{pod("2Mi", "1Gi"), "HugePages-1Gi", "1Gi", ""},
		{pod("2Mi", "1Gi"), "HugePages", "", "exactly one size"},
		{pod(), "HugePages", "", "exactly one size"},
		{pod("2Mi"), "HugePages-1Gi", "", "no container"},
		{pod("2Mi"), "HugePages-x", "", "parse page size"},
	} {
		got, err := hugePageSize(tc.pod, tc.medium)
		if tc.fail != "" {
			if err == nil || !strings.Contains(err.Error(), tc.fail) {
				t.Errorf("%s: %v, want an error with %q", tc.medium, err, tc.fail)
			}
			continue
		}
		if err != nil || got.String() != tc.want {
			t.Errorf("%s: %s, %v; want %s", tc.medium, got.String(), err, tc.want)
		}
	}
}
