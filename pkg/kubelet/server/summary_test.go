package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

const measured = int64(1700000000_000000000)

func number(n uint64) *runtimeapi.UInt64Value { return &runtimeapi.UInt64Value{Value: n} }
func ref(n uint64) *uint64                    { return &n }

func measuredRuntime() *fakeRuntime {
	cpu := &runtimeapi.CpuUsage{Timestamp: measured, UsageCoreNanoSeconds: number(2_500_000_000)}
	memory := &runtimeapi.MemoryUsage{Timestamp: measured, WorkingSetBytes: number(4096)}
	return &fakeRuntime{
		containers: []*runtimeapi.Container{{Id: "now", CreatedAt: measured - int64(time.Hour)}},
		stats: []*runtimeapi.PodSandboxStats{{
			Attributes: &runtimeapi.PodSandboxAttributes{Metadata: &runtimeapi.PodSandboxMetadata{Name: "p", Namespace: "ns", Uid: "uid-1"}},
			Linux: &runtimeapi.LinuxPodSandboxStats{
				Cpu: cpu, Memory: memory,
				Network: &runtimeapi.NetworkUsage{Timestamp: measured, DefaultInterface: &runtimeapi.NetworkInterfaceUsage{Name: "eth0", RxBytes: number(7)}},
				Process: &runtimeapi.ProcessUsage{ProcessCount: number(3)},
				Containers: []*runtimeapi.ContainerStats{{
					Attributes:    &runtimeapi.ContainerAttributes{Id: "now", Metadata: &runtimeapi.ContainerMetadata{Name: "c"}},
					Cpu:           cpu,
					Memory:        memory,
					WritableLayer: &runtimeapi.FilesystemUsage{Timestamp: measured, UsedBytes: number(512)},
				}},
			},
		}},
	}
}

// meter is the use of the machine.
type meter struct{}

func (meter) NodeUsage() (*statsapi.CPUStats, *statsapi.MemoryStats, error) {
	at := metav1.NewTime(time.Unix(0, measured))
	return &statsapi.CPUStats{Time: at, UsageCoreNanoSeconds: ref(9_000_000_000)}, &statsapi.MemoryStats{Time: at, WorkingSetBytes: ref(1 << 20)}, nil
}

func (m meter) PodsUsage() (*statsapi.CPUStats, *statsapi.MemoryStats, error) { return m.NodeUsage() }

func (meter) ImageFsInfo(context.Context) (*runtimeapi.ImageFsInfoResponse, error) {
	return &runtimeapi.ImageFsInfoResponse{ImageFilesystems: []*runtimeapi.FilesystemUsage{{
		FsId: &runtimeapi.FilesystemIdentifier{Mountpoint: "/"}, UsedBytes: number(99),
	}}}, nil
}

func TestSummary(t *testing.T) {
	server := newServer(t, func(cfg *Config) { cfg.Runtime, cfg.Usage, cfg.Images = measuredRuntime(), meter{}, meter{} })
	code, body := get(t, server, "/stats/summary")
	var summary statsapi.Summary
	if err := json.Unmarshal([]byte(body), &summary); err != nil || code != http.StatusOK {
		t.Fatalf("%d %v", code, err)
	}
	at := metav1.NewTime(time.Unix(0, measured).Local())
	cpu := &statsapi.CPUStats{Time: at, UsageCoreNanoSeconds: ref(2_500_000_000)}
	memory := &statsapi.MemoryStats{Time: at, WorkingSetBytes: ref(4096)}
	start := metav1.NewTime(at.Add(-time.Hour))
	eth := statsapi.InterfaceStats{Name: "eth0", RxBytes: ref(7)}
	want := []statsapi.PodStats{{
		PodRef: statsapi.PodReference{Name: "p", Namespace: "ns", UID: "uid-1"}, StartTime: start, CPU: cpu, Memory: memory,
		Containers: []statsapi.ContainerStats{{
			Name: "c", StartTime: start, CPU: cpu, Memory: memory, Rootfs: &statsapi.FsStats{Time: at, UsedBytes: ref(512)},
		}},
		Network:      &statsapi.NetworkStats{Time: at, InterfaceStats: eth, Interfaces: []statsapi.InterfaceStats{eth}},
		ProcessStats: &statsapi.ProcessStats{ProcessCount: ref(3)},
	}}
	if diff := cmp.Diff(want, summary.Pods); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
	node := summary.Node
	if node.NodeName != "n1" || *node.CPU.UsageCoreNanoSeconds != 9_000_000_000 || *node.Fs.CapacityBytes == 0 || *node.Rlimit.MaxPID == 0 ||
		*node.Runtime.ImageFs.UsedBytes != 99 || len(node.SystemContainers) != 1 || node.SystemContainers[0].Name != "pods" {
		t.Errorf("node: %s", body)
	}
	_, body = get(t, server, "/stats/summary?only_cpu_and_memory=true")
	var short statsapi.Summary
	if err := json.Unmarshal([]byte(body), &short); err != nil {
		t.Fatal(err)
	}
	if short.Node.Fs != nil || short.Pods[0].Network != nil || short.Pods[0].Containers[0].Rootfs != nil || short.Pods[0].CPU == nil {
		t.Errorf("more or less than CPU and memory: %s", body)
	}
}

func TestResourceMetrics(t *testing.T) {
	runtime := measuredRuntime()
	ended := &runtimeapi.ContainerStats{Attributes: &runtimeapi.ContainerAttributes{Id: "ended", Metadata: &runtimeapi.ContainerMetadata{Name: "init"}}}
	before := &runtimeapi.ContainerStats{Attributes: &runtimeapi.ContainerAttributes{Id: "before", Metadata: &runtimeapi.ContainerMetadata{Name: "c"}}}
	running := runtime.stats[0].Linux.Containers
	runtime.stats[0].Linux.Containers = append([]*runtimeapi.ContainerStats{ended, before}, running...)
	runtime.containers = append(runtime.containers, &runtimeapi.Container{Id: "ended", CreatedAt: 1}, &runtimeapi.Container{Id: "before", CreatedAt: 1})
	// Pods of the same name: one that has ended, and one that is going.
	gone := &runtimeapi.PodSandboxStats{Attributes: runtime.stats[0].Attributes, Linux: &runtimeapi.LinuxPodSandboxStats{Containers: []*runtimeapi.ContainerStats{ended}}}
	runtime.stats = append([]*runtimeapi.PodSandboxStats{gone}, runtime.stats[0], runtime.stats[0])
	server := newServer(t, func(cfg *Config) { cfg.Runtime, cfg.Usage = runtime, meter{} })
	code, body := get(t, server, "/metrics/resource")
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	var got []string
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, "#") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := []string{
		`container_cpu_usage_seconds_total{container="c",namespace="ns",pod="p"} 2.5 1700000000000`,
		`container_memory_working_set_bytes{container="c",namespace="ns",pod="p"} 4096 1700000000000`,
		`container_start_time_seconds{container="c",namespace="ns",pod="p"} 1.6999964e+09`,
		`node_cpu_usage_seconds_total 9 1700000000000`,
		`node_memory_working_set_bytes 1.048576e+06 1700000000000`,
		`pod_cpu_usage_seconds_total{namespace="ns",pod="p"} 2.5 1700000000000`,
		`pod_memory_working_set_bytes{namespace="ns",pod="p"} 4096 1700000000000`,
		`resource_scrape_error 0`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}
