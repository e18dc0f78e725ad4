package resources

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/sys/mountinfo"
)

func TestDetect(t *testing.T) {
	v1Mount := func(name string) *mountinfo.Info {
		return &mountinfo.Info{Root: "/", Mountpoint: "/sys/fs/cgroup/" + name, FSType: "cgroup", VFSOptions: "rw," + name}
	}
	unified := func(at string) *mountinfo.Info {
		return &mountinfo.Info{Root: "/", Mountpoint: at, FSType: "cgroup2", VFSOptions: "rw,nsdelegate"}
	}
	elsewhere := v1Mount("memory")
	elsewhere.Mountpoint = "/mnt/node/sys/fs/cgroup/memory"
	for _, tc := range []struct {
		name        string
		mounts      []*mountinfo.Info
		controllers []string
		want        Cgroups
	}{
		{
			name: "version 2", mounts: []*mountinfo.Info{unified("/sys/fs/cgroup")},
			controllers: []string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids"},
			want: Cgroups{Version: 2, Mounts: map[string]string{
				"cpuset": "/sys/fs/cgroup", "cpu": "/sys/fs/cgroup", "memory": "/sys/fs/cgroup", "hugetlb": "/sys/fs/cgroup", "pids": "/sys/fs/cgroup",
			}},
		},
		{
			name: "hybrid, one mount twice",
			mounts: []*mountinfo.Info{
				elsewhere, v1Mount("cpu"), v1Mount("cpuset"), v1Mount("memory"), v1Mount("pids"), v1Mount("freezer"), unified("/sys/fs/cgroup/unified"),
			},
			controllers: []string{"hugetlb"},
			want: Cgroups{
				Version: 1,
				Mounts: map[string]string{
					"cpu": "/sys/fs/cgroup/cpu", "cpuset": "/sys/fs/cgroup/cpuset", "memory": "/sys/fs/cgroup/memory", "pids": "/sys/fs/cgroup/pids",
				},
				Others:  []string{"/sys/fs/cgroup/freezer", "/sys/fs/cgroup/unified"},
				Lacking: []string{"hugetlb"},
			},
		},
		{
			name: "joint controllers", mounts: []*mountinfo.Info{v1Mount("cpu,cpuacct"), v1Mount("memory")},
			want: Cgroups{
				Version: 1,
				Mounts: map[string]string{
					"cpu": "/sys/fs/cgroup/cpu,cpuacct", "cpuacct": "/sys/fs/cgroup/cpu,cpuacct", "memory": "/sys/fs/cgroup/memory",
				},
				Missing: []string{"cpuset"}, Lacking: []string{"pids", "hugetlb"},
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := detect(tc.mounts, func(string) ([]string, error) { return tc.controllers, nil })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("cgroups (-want +got):\n%s", diff)
			}
			if err := got.Check(); (err != nil) != (len(tc.want.Missing) > 0) {
				t.Errorf("Check: %v", err)
			}
		})
	}
}
