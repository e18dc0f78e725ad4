package server

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// serveSummary answers with the use of the node and its pods. With only_cpu_and_memory=true nothing else is gathered.
func (s *Server) serveSummary(w http.ResponseWriter, r *http.Request) {
	short, err := strconv.ParseBool(r.URL.Query().Get("only_cpu_and_memory"))
	summary, err := s.summary(r.Context(), err == nil && short)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, r, summary)
}

// summary gathers statistics. Node figures that cannot be read are left out and logged; without the pods' there is none.
func (s *Server) summary(ctx context.Context, short bool) (*statsapi.Summary, error) {
	pods, err := s.cfg.Runtime.ListPodSandboxStats(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list statistics of pods: %w", err)
	}
	summary := &statsapi.Summary{
		Node: statsapi.NodeStats{NodeName: s.cfg.NodeName, StartTime: metav1.NewTime(s.cfg.Started)},
		Pods: make([]statsapi.PodStats, 0, len(pods)),
	}
	started, err := s.startTimes(ctx)
	if err != nil {
		return nil, err
	}
	for _, pod := range pods {
		summary.Pods = append(summary.Pods, podStats(pod, started, short))
	}
	logger := klog.FromContext(ctx)
	if s.cfg.Usage != nil {
		if summary.Node.CPU, summary.Node.Memory, err = s.cfg.Usage.NodeUsage(); err != nil {
			logger.Error(err, "Reading the node's use failed")
		}
		all := statsapi.ContainerStats{Name: statsapi.SystemContainerPods, StartTime: metav1.NewTime(s.cfg.Started)}
		if all.CPU, all.Memory, err = s.cfg.Usage.PodsUsage(); err != nil {
			logger.Error(err, "Reading the use of all pods failed")
		} else {
			summary.Node.SystemContainers = append(summary.Node.SystemContainers, all)
		}
	}
	if short {
		return summary, nil
	}
	if summary.Node.Fs, err = fsStats(s.cfg.RootDir); err != nil {
		logger.Error(err, "Reading the use of the node's file system failed")
	}
	if summary.Node.Runtime, err = s.runtimeStats(ctx); err != nil {
		logger.Error(err, "Reading the use of the images' file system failed")
	}
	if summary.Node.Rlimit, err = processStats(); err != nil {
		logger.Error(err, "Counting processes failed")
	}
	return summary, nil
}

// startTimes says when each container was made, by its ID, in nanoseconds.
func (s *Server) startTimes(ctx context.Context) (map[string]int64, error) {
	containers, err := s.cfg.Runtime.ListContainers(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	started := make(map[string]int64, len(containers))
	for _, c := range containers {
		started[c.GetId()] = c.GetCreatedAt()
	}
	return started, nil
}

// podStats puts the runtime's figures into the published form.
func podStats(pod *runtimeapi.PodSandboxStats, started map[string]int64, short bool) statsapi.PodStats {
	metadata, linux := pod.GetAttributes().GetMetadata(), pod.GetLinux()
	stats := statsapi.PodStats{
		PodRef:     statsapi.PodReference{Name: metadata.GetName(), Namespace: metadata.GetNamespace(), UID: metadata.GetUid()},
		Containers: make([]statsapi.ContainerStats, 0, len(linux.GetContainers())),
		CPU:        cpuStats(linux.GetCpu()),
		Memory:     memoryStats(linux.GetMemory()),
	}
	for _, c := range linux.GetContainers() {
		container := statsapi.ContainerStats{
			Name:      c.GetAttributes().GetMetadata().GetName(),
			StartTime: nanoTime(started[c.GetAttributes().GetId()]),
			CPU:       cpuStats(c.GetCpu()),
			Memory:    memoryStats(c.GetMemory()),
			Swap:      swapStats(c.GetSwap()),
		}
		if layer := c.GetWritableLayer(); layer != nil && !short {
			container.Rootfs = &statsapi.FsStats{
				Time: nanoTime(layer.GetTimestamp()), UsedBytes: value(layer.GetUsedBytes()), InodesUsed: value(layer.GetInodesUsed()),
			}
		}
		if stats.StartTime.IsZero() || container.StartTime.Before(&stats.StartTime) {
			stats.StartTime = container.StartTime
		}
		stats.Containers = append(stats.Containers, container)
	}
	if short {
		return stats
	}
	stats.Network = networkStats(linux.GetNetwork())
	if count := linux.GetProcess().GetProcessCount(); count != nil {
		stats.ProcessStats = &statsapi.ProcessStats{ProcessCount: value(count)}
	}
	return stats
}

func cpuStats(cpu *runtimeapi.CpuUsage) *statsapi.CPUStats {
	if cpu == nil {
		return nil
	}
	return &statsapi.CPUStats{
		Time: nanoTime(cpu.GetTimestamp()), UsageNanoCores: value(cpu.GetUsageNanoCores()), UsageCoreNanoSeconds: value(cpu.GetUsageCoreNanoSeconds()),
	}
}

func memoryStats(memory *runtimeapi.MemoryUsage) *statsapi.MemoryStats {
	if memory == nil {
		return nil
	}
	return &statsapi.MemoryStats{
		Time: nanoTime(memory.GetTimestamp()), AvailableBytes: value(memory.GetAvailableBytes()), UsageBytes: value(memory.GetUsageBytes()),
		WorkingSetBytes: value(memory.GetWorkingSetBytes()), RSSBytes: value(memory.GetRssBytes()),
		PageFaults: value(memory.GetPageFaults()), MajorPageFaults: value(memory.GetMajorPageFaults()),
	}
}

func swapStats(swap *runtimeapi.SwapUsage) *statsapi.SwapStats {
	if swap == nil {
		return nil
	}
	return &statsapi.SwapStats{
		Time: nanoTime(swap.GetTimestamp()), SwapAvailableBytes: value(swap.GetSwapAvailableBytes()), SwapUsageBytes: value(swap.GetSwapUsageBytes()),
	}
}

func networkStats(network *runtimeapi.NetworkUsage) *statsapi.NetworkStats {
	if network == nil {
		return nil
	}
	stats := &statsapi.NetworkStats{Time: nanoTime(network.GetTimestamp()), InterfaceStats: interfaceStats(network.GetDefaultInterface())}
	stats.Interfaces = []statsapi.InterfaceStats{stats.InterfaceStats}
	for _, i := range network.GetInterfaces() {
		stats.Interfaces = append(stats.Interfaces, interfaceStats(i))
	}
	return stats
}

func interfaceStats(i *runtimeapi.NetworkInterfaceUsage) statsapi.InterfaceStats {
	return statsapi.InterfaceStats{
		Name: i.GetName(), RxBytes: value(i.GetRxBytes()), RxErrors: value(i.GetRxErrors()), TxBytes: value(i.GetTxBytes()), TxErrors: value(i.GetTxErrors()),
	}
}

// value keeps "not known" apart from zero.
func value(v *runtimeapi.UInt64Value) *uint64 {
	if v == nil {
		return nil
	}
	n := v.GetValue()
	return &n
}

func nanoTime(nanos int64) metav1.Time {
	if nanos == 0 {
		return metav1.Time{}
	}
	return metav1.NewTime(time.Unix(0, nanos))
}

// runtimeStats tells the use of the file system of images.
func (s *Server) runtimeStats(ctx context.Context) (*statsapi.RuntimeStats, error) {
	if s.cfg.Images == nil {
		return nil, nil
	}
	info, err := s.cfg.Images.ImageFsInfo(ctx)
	if err != nil {
		return nil, err
	}
	for _, image := range info.GetImageFilesystems() {
		fs, err := fsStats(image.GetFsId().GetMountpoint())
		if err != nil {
			return nil, err
		}
		fs.UsedBytes, fs.InodesUsed = value(image.GetUsedBytes()), value(image.GetInodesUsed())
		return &statsapi.RuntimeStats{ImageFs: fs, ContainerFs: fs}, nil
	}
	return nil, nil
}

// fsStats tells the use of the file system that a path lies on.
func fsStats(path string) (*statsapi.FsStats, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return nil, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	size := uint64(stat.Bsize)
	available, capacity, used := stat.Bavail*size, stat.Blocks*size, (stat.Blocks-stat.Bfree)*size
	inodes, free := stat.Files, stat.Ffree
	inodesUsed := inodes - free
	return &statsapi.FsStats{
		Time: metav1.NewTime(time.Now()), AvailableBytes: &available, CapacityBytes: &capacity, UsedBytes: &used,
		Inodes: &inodes, InodesFree: &free, InodesUsed: &inodesUsed,
	}, nil
}

// processStats counts the machine's processes and how many there may be.
func processStats() (*statsapi.RlimitStats, error) {
	text, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		return nil, err
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("parse pid_max: %w", err)
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil, err
	}
	// The fourth field is running/all threads.
	fields := strings.Fields(string(load))
	if len(fields) < 4 {
		return nil, fmt.Errorf("/proc/loadavg has %d fields", len(fields))
	}
	_, all, _ := strings.Cut(fields[3], "/")
	count, err := strconv.ParseInt(all, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("parse /proc/loadavg: %w", err)
	}
	return &statsapi.RlimitStats{Time: metav1.NewTime(time.Now()), MaxPID: &limit, NumOfRunningProcesses: &count}, nil
}
