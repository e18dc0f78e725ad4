package resources

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

func TestUsageOnThisMachine(t *testing.T) {
	m := startManager(t)
	pod := testPod("g", "500m", "500m", "64Mi")
	if _, err := m.EnsurePod(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	cpu, memory, err := m.NodeUsage()
	if err != nil || *cpu.UsageCoreNanoSeconds == 0 || *memory.WorkingSetBytes == 0 || *memory.AvailableBytes == 0 {
		t.Errorf("node: %+v %+v %v", cpu, memory, err)
	}
	if _, memory, err = m.PodsUsage(); err != nil || memory.UsageBytes == nil {
		t.Errorf("pods: %+v %v", memory, err)
	}
	cpu, memory, err = m.PodUsage(pod)
	if err != nil || *cpu.UsageCoreNanoSeconds != 0 || *memory.AvailableBytes != 64<<20-*memory.WorkingSetBytes {
		t.Errorf("pod: %+v %+v %v", cpu, memory, err)
	}
}

func TestRates(t *testing.T) {
	var r rates
	at := time.Unix(1000, 0)
	second := uint64(time.Second)
	for _, tc := range []struct {
		after time.Duration
		used  uint64
		want  *uint64
	}{
		{0, 5 * second, nil},
		{10 * time.Second, 10 * second, pointer(second / 2)},
		{10*time.Second + time.Millisecond, 11 * second, pointer(second / 2)},
		{20 * time.Second, 30 * second, pointer(2 * second)},
		{30 * time.Second, 1, nil}, // The counter began anew.
	} {
		if diff := cmp.Diff(tc.want, r.of("/x", tc.used, at.Add(tc.after))); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", tc.after, diff)
		}
	}
}

func TestMachineMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meminfo")
	if err := os.WriteFile(file, []byte("MemTotal: 1000 kB\nMemFree: 400 kB\nInactive(file): 100 kB\nAnonPages: 50 kB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := machineMemory(file)
	if err != nil {
		t.Fatal(err)
	}
	got.Time = metav1.Time{}
	want := &statsapi.MemoryStats{
		UsageBytes: pointer[uint64](600 << 10), WorkingSetBytes: pointer[uint64](500 << 10), AvailableBytes: pointer[uint64](500 << 10), RSSBytes: pointer[uint64](50 << 10),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("memory (-want +got):\n%s", diff)
	}
}
