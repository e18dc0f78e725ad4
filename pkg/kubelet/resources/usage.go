package resources

import (
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// minSample is how far apart two readings must be for a rate; closer ones repeat the rate before.
const minSample = time.Second

// rates turns growing CPU counters into rates, by what each cgroup used since the reading before.
type rates struct {
	mu   sync.Mutex
	last map[string]sample // by cgroup; guarded by mu
}

type sample struct {
	at   time.Time
	used uint64
	rate *uint64
}

// of gives the rate of use in nanocores since the reading before; nil at the first one.
func (r *rates) of(cgroup string, used uint64, now time.Time) *uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = map[string]sample{}
	}
	before, ok := r.last[cgroup]
	if ok && now.Sub(before.at) < minSample {
		return before.rate
	}
	next := sample{at: now, used: used}
	if ok && used >= before.used {
		rate := uint64(float64(used-before.used) / now.Sub(before.at).Seconds())
		next.rate = &rate
	}
	r.last[cgroup] = next
	return next.rate
}

// forget drops what is known of a cgroup that is gone.
func (r *rates) forget(cgroup string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.last, cgroup)
}

// NodeUsage is what the whole machine uses.
func (m *Manager) NodeUsage() (*statsapi.CPUStats, *statsapi.MemoryStats, error) {
	cpu, err := m.cpuUsage("/")
	if err != nil {
		return nil, nil, err
	}
	memory, err := machineMemory("/proc/meminfo")
	return cpu, memory, err
}

// PodsUsage is what all pods together use.
func (m *Manager) PodsUsage() (*statsapi.CPUStats, *statsapi.MemoryStats, error) {
	cgroup := m.tier(v1.PodQOSGuaranteed)
	cpu, err := m.cpuUsage(cgroup)
	if err != nil {
		return nil, nil, err
	}
	memory, err := m.memoryUsage(cgroup)
	return cpu, memory, err
}

// PodUsage is what one pod uses.
func (m *Manager) PodUsage(pod *v1.Pod) (*statsapi.CPUStats, *statsapi.MemoryStats, error) {
	cgroup := m.PodCgroup(pod)
	cpu, err := m.cpuUsage(cgroup)
	if err != nil {
		return nil, nil, err
	}
	memory, err := m.memoryUsage(cgroup)
	return cpu, memory, err
}

// PodPIDs is how many processes and threads a pod has.
func (m *Manager) PodPIDs(pod *v1.Pod) (int64, error) {
	dir, ok := m.tree.dir("pids", m.PodCgroup(pod))
	if !ok {
		return 0, fmt.Errorf("controller pids is not mounted")
	}
	count, err := readInt(dir, "pids.current")
	if err != nil {
		return 0, fmt.Errorf("count processes of pod: %w", err)
	}
	return count, nil
}

func (m *Manager) cpuUsage(cgroup string) (*statsapi.CPUStats, error) {
	now := time.Now()
	used, err := m.cpuNanos(cgroup)
	if err != nil {
		return nil, fmt.Errorf("read CPU use of %s: %w", cgroup, err)
	}
	return &statsapi.CPUStats{Time: metav1.NewTime(now), UsageCoreNanoSeconds: &used, UsageNanoCores: m.rates.of(path.Clean(cgroup), used, now)}, nil
}

func (m *Manager) cpuNanos(cgroup string) (uint64, error) {
	if m.cfg.Cgroups.Version == 2 {
		dir, _ := m.tree.dir("cpu", cgroup)
		stat, err := readKeyed(dir, "cpu.stat")
		return stat["usage_usec"] * 1000, err
	}
	dir, ok := m.tree.dir("cpuacct", cgroup)
	if !ok {
		return 0, fmt.Errorf("controller cpuacct is not mounted")
	}
	used, err := readInt(dir, "cpuacct.usage")
	return uint64(used), err
}

// memoryFiles names what the versions call the same things.
type memoryFiles struct{ usage, limit, inactiveFile, anonymous, faults, majorFaults string }

func (m *Manager) memoryUsage(cgroup string) (*statsapi.MemoryStats, error) {
	files := memoryFiles{"memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file", "total_rss", "total_pgfault", "total_pgmajfault"}
	if m.cfg.Cgroups.Version == 2 {
		files = memoryFiles{"memory.current", "memory.max", "inactive_file", "anon", "pgfault", "pgmajfault"}
	}
	dir, _ := m.tree.dir("memory", cgroup)
	usage, err := readInt(dir, files.usage)
	if err != nil {
		return nil, fmt.Errorf("read memory use of %s: %w", cgroup, err)
	}
	limit, err := readInt(dir, files.limit)
	if err != nil {
		return nil, fmt.Errorf("read memory limit of %s: %w", cgroup, err)
	}
	stat, err := readKeyed(dir, "memory.stat")
	if err != nil {
		return nil, fmt.Errorf("read memory use of %s: %w", cgroup, err)
	}
	stats := memoryStats(uint64(usage), stat[files.inactiveFile], stat[files.anonymous])
	stats.PageFaults, stats.MajorPageFaults = pointer(stat[files.faults]), pointer(stat[files.majorFaults])
	if limit > 0 && limit < m.memory {
		stats.AvailableBytes = pointer(uint64(limit) - min(uint64(limit), *stats.WorkingSetBytes))
	}
	return stats, nil
}

// memoryStats counts as working set all that cannot be dropped at once: not the file pages that nobody used of late.
func memoryStats(usage, inactiveFile, anonymous uint64) *statsapi.MemoryStats {
	return &statsapi.MemoryStats{
		Time:            metav1.NewTime(time.Now()),
		UsageBytes:      pointer(usage),
		WorkingSetBytes: pointer(usage - min(usage, inactiveFile)),
		RSSBytes:        pointer(anonymous),
	}
}

// machineMemory reads the use of memory from /proc/meminfo, which all versions have.
func machineMemory(file string) (*statsapi.MemoryStats, error) {
	text, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("read memory use: %w", err)
	}
	values := map[string]uint64{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if kib, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
			values[fields[0]] = kib * 1024
		}
	}
	total := values["MemTotal:"]
	if total == 0 {
		return nil, fmt.Errorf("%s has no MemTotal", filepath.Base(file))
	}
	stats := memoryStats(total-min(total, values["MemFree:"]), values["Inactive(file):"], values["AnonPages:"])
	stats.AvailableBytes = pointer(total - min(total, *stats.WorkingSetBytes))
	return stats, nil
}

func pointer[T any](v T) *T { return &v }
