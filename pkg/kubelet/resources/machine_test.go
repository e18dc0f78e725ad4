package resources

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestReadMachine(t *testing.T) {
	base := t.TempDir()
	for name, text := range map[string]string{
		"sys/devices/system/cpu/online":                            "0-2,5\n",
		"proc/meminfo":                                             "MemTotal:       2048 kB\nMemFree: 1 kB\nSwapTotal: 1024 kB\n",
		"proc/sys/kernel/pid_max":                                  "4194304\n",
		"proc/sys/kernel/threads-max":                              "1000\n",
		"sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages":    "3\n",
		"sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages": "0\n",
	} {
		path := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readMachine(base, base)
	if err != nil {
		t.Fatal(err)
	}
	if storage := got.Capacity[v1.ResourceEphemeralStorage]; storage.Sign() <= 0 {
		t.Errorf("ephemeral storage is %s", storage.String())
	}
	delete(got.Capacity, v1.ResourceEphemeralStorage)
	want := Machine{
		Capacity: v1.ResourceList{
			v1.ResourceCPU: resource.MustParse("4"), v1.ResourceMemory: resource.MustParse("2Mi"),
			"hugepages-2Mi": resource.MustParse("6Mi"), "hugepages-1Gi": resource.MustParse("0"),
		},
		HugePageSizes: []string{"1GB", "2MB"}, MaxPids: 1000, Swap: 1 << 20,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("machine (-want +got):\n%s", diff)
	}
}
