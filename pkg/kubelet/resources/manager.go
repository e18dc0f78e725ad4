package resources

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/pods"
)

// Names of the cgroups below the root, as every kubelet uses them.
const (
	kubepods   = "kubepods"
	burstable  = "burstable"
	bestEffort = "besteffort"
	podPrefix  = "pod"
)

// Config is what a Manager is made of.
type Config struct {
	// Root is the cgroup below which all pods lie (--cgroup-root), "/" when empty. It must exist in every hierarchy.
	Root string
	// Driver is "cgroupfs" (also when empty). The systemd driver is not implemented.
	Driver string
	// Cgroups are those of the machine; see Detect.
	Cgroups Cgroups
	Policy  Policy
	// Capacity is what the machine has and Reserved what pods may not have of it; together they limit kubepods.
	Capacity v1.ResourceList
	Reserved Reserved
	// Enforce limits kubepods as a whole (pods in --enforce-node-allocatable).
	Enforce bool
}

// Manager keeps the cgroups of pods. Calls for different pods may overlap; calls for one pod may not.
type Manager struct {
	cfg    Config
	tree   tree
	memory int64 // capacity in bytes
	swap   bool
	rates  rates

	mu sync.Mutex
	// burst holds the CPU request of each burstable pod, in thousandths; their sum weighs the tier. Guarded by mu, as is
	// writing the tier's weight.
	burst map[types.UID]int64
}

// New checks the configuration; Start makes the cgroups.
func New(cfg Config) (*Manager, error) {
	switch cfg.Driver {
	case "", "cgroupfs":
	case "systemd":
		return nil, errors.New("cgroup driver systemd is not implemented; use cgroupfs here and in the container runtime (SystemdCgroup = false)")
	default:
		return nil, fmt.Errorf("unknown cgroup driver %q", cfg.Driver)
	}
	if err := cfg.Cgroups.Check(); err != nil {
		return nil, err
	}
	cfg.Root = path.Join("/", cfg.Root)
	cfg.Policy = cfg.Policy.defaults()
	return &Manager{
		cfg:    cfg,
		tree:   tree{cgroups: cfg.Cgroups},
		memory: cfg.Capacity.Memory().Value(),
		swap:   accountsSwap(cfg.Cgroups),
		burst:  map[types.UID]int64{},
	}, nil
}

// accountsSwap says whether the memory controller can limit swap.
func accountsSwap(c Cgroups) bool {
	if c.Version == 2 {
		return true
	}
	_, err := os.Lstat(filepath.Join(c.Mounts["memory"], "memory.memsw.limit_in_bytes"))
	return err == nil
}

// Start makes the cgroups kubepods and its tiers and limits kubepods to what pods may use of the node.
func (m *Manager) Start(ctx context.Context) error {
	m.cfg.Cgroups.Log(klog.FromContext(ctx))
	if exists, err := m.tree.exists(m.cfg.Root); err != nil || !exists {
		return errors.Join(fmt.Errorf("cgroup root %s must exist in all of %s", m.cfg.Root, strings.Join(m.tree.mounts(), ", ")), err)
	}
	for _, tier := range []string{m.tier(v1.PodQOSBurstable), m.tier(v1.PodQOSBestEffort)} {
		if err := m.tree.create(m.cfg.Root, tier); err != nil {
			return err
		}
		if err := m.tree.set(tier, Limits{CPUShares: minShares}); err != nil {
			return err
		}
	}
	if !m.cfg.Enforce {
		return nil
	}
	return m.tree.set(m.tier(v1.PodQOSGuaranteed), NodeLimits(m.cfg.Capacity, m.cfg.Reserved))
}

// tier is the cgroup in which pods of a class lie.
func (m *Manager) tier(class v1.PodQOSClass) string {
	switch class {
	case v1.PodQOSBurstable:
		return path.Join(m.cfg.Root, kubepods, burstable)
	case v1.PodQOSBestEffort:
		return path.Join(m.cfg.Root, kubepods, bestEffort)
	}
	return path.Join(m.cfg.Root, kubepods)
}

// PodCgroup is the pod's cgroup, below which the runtime puts its containers (cgroup_parent in CRI).
func (m *Manager) PodCgroup(pod *v1.Pod) string {
	return path.Join(m.tier(pods.QOS(pod)), podPrefix+string(pod.UID))
}

// EnsurePod makes the pod's cgroup, or brings its limits up to date when it is there, and returns it. The tier of
// burstable pods is given the CPU weight of all of them.
func (m *Manager) EnsurePod(ctx context.Context, pod *v1.Pod) (string, error) {
	cgroup := m.PodCgroup(pod)
	if exists, err := m.tree.exists(cgroup); err != nil {
		return "", fmt.Errorf("look for cgroup %s: %w", cgroup, err)
	} else if !exists {
		if err := m.tree.create(path.Join(m.cfg.Root, kubepods), cgroup); err != nil {
			return "", err
		}
		klog.FromContext(ctx).V(4).Info("Made cgroup of pod", "pod", klog.KObj(pod), "cgroup", cgroup)
	}
	limits := PodLimits(pod, m.cfg.Policy)
	if err := m.canHold(cgroup, limits.Memory); err != nil {
		return "", err
	}
	if err := m.tree.set(cgroup, limits); err != nil {
		return "", err
	}
	if pods.QOS(pod) != v1.PodQOSBurstable {
		return cgroup, nil
	}
	return cgroup, m.weigh(func() { m.burst[pod.UID] = cpuRequest(pod) })
}

// canHold refuses a memory limit (bytes, 0 or less for none) that is lower than the one in force and than what is used: the
// kernel would end processes to keep it.
func (m *Manager) canHold(cgroup string, limit int64) error {
	dir, ok := m.tree.dir("memory", cgroup)
	if !ok || limit <= 0 {
		return nil
	}
	limitFile, usageFile := "memory.limit_in_bytes", "memory.usage_in_bytes"
	if m.cfg.Cgroups.Version == 2 {
		limitFile, usageFile = "memory.max", "memory.current"
	}
	now, err := readInt(dir, limitFile)
	if err != nil {
		return fmt.Errorf("read memory limit of cgroup %s: %w", cgroup, err)
	}
	if now >= 0 && now <= limit {
		return nil
	}
	usage, err := readInt(dir, usageFile)
	if err != nil {
		return fmt.Errorf("read memory use of cgroup %s: %w", cgroup, err)
	}
	if usage >= limit {
		return fmt.Errorf("attempting to set pod memory limit (%d) below current usage (%d)", limit, usage)
	}
	return nil
}

// weigh changes the known requests and gives the burstable tier their sum as weight.
func (m *Manager) weigh(change func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.burstWeight()
	change()
	if after := m.burstWeight(); after != before {
		return m.tree.set(m.tier(v1.PodQOSBurstable), Limits{CPUShares: after})
	}
	return nil
}

func (m *Manager) burstWeight() int64 {
	sum := int64(0)
	for _, milli := range m.burst {
		sum += milli
	}
	return Shares(sum)
}

// RemovePod ends whatever still runs in the pod's cgroup and removes it, in whichever tier it is. It is idempotent.
func (m *Manager) RemovePod(ctx context.Context, uid types.UID) error {
	if strings.ContainsAny(string(uid), "/\x00") || uid == "" {
		return fmt.Errorf("pod UID %q cannot name a cgroup", uid)
	}
	for _, class := range []v1.PodQOSClass{v1.PodQOSGuaranteed, v1.PodQOSBurstable, v1.PodQOSBestEffort} {
		cgroup := path.Join(m.tier(class), podPrefix+string(uid))
		if err := m.tree.remove(ctx, cgroup); err != nil {
			return err
		}
		m.rates.forget(cgroup)
	}
	return m.weigh(func() { delete(m.burst, uid) })
}

// Pods lists the pods that have a cgroup, among them those left by an earlier run.
func (m *Manager) Pods() ([]types.UID, error) {
	var uids []types.UID
	for _, class := range []v1.PodQOSClass{v1.PodQOSGuaranteed, v1.PodQOSBurstable, v1.PodQOSBestEffort} {
		names, err := m.tree.children(m.tier(class))
		if err != nil {
			return nil, fmt.Errorf("list cgroups of pods: %w", err)
		}
		for _, name := range names {
			if uid, ok := strings.CutPrefix(name, podPrefix); ok && uid != "" {
				uids = append(uids, types.UID(uid))
			}
		}
	}
	return uids, nil
}

// Busy says whether anything runs in the pod's cgroup, in whichever tier it is.
func (m *Manager) Busy(uid types.UID) (bool, error) {
	for _, class := range []v1.PodQOSClass{v1.PodQOSGuaranteed, v1.PodQOSBurstable, v1.PodQOSBestEffort} {
		busy, err := m.tree.busy(path.Join(m.tier(class), podPrefix+string(uid)))
		if err != nil || busy {
			return busy, err
		}
	}
	return false, nil
}

// ContainerResources are the limits of one container in a CRI request.
func (m *Manager) ContainerResources(pod *v1.Pod, container *v1.Container) *runtimeapi.LinuxContainerResources {
	return ContainerResources(pod, container, m.cfg.Policy, m.memory, m.swap)
}

// PodResources are the limits of the whole pod as a CRI request tells them to the runtime with the sandbox.
func (m *Manager) PodResources(pod *v1.Pod) *runtimeapi.LinuxContainerResources {
	limits := PodLimits(pod, m.cfg.Policy)
	return &runtimeapi.LinuxContainerResources{
		CpuShares:          limits.CPUShares,
		CpuPeriod:          limits.CPUPeriod,
		CpuQuota:           max(limits.CPUQuota, 0),
		MemoryLimitInBytes: max(limits.Memory, 0),
	}
}

// Remove takes kubepods away with everything in it; for tests and for a node that is dissolved.
func (m *Manager) Remove(ctx context.Context) error {
	return m.tree.remove(ctx, path.Join(m.cfg.Root, kubepods))
}

// MakeRoot makes a cgroup to be the root of a kubelet, for whoever runs several kubelets on one machine. It may exist.
func MakeRoot(cgroups Cgroups, path string) error {
	return tree{cgroups}.create("/", path)
}
