package resources

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Machine is what the node's machine has.
type Machine struct {
	// Capacity holds cpu, memory, ephemeral-storage and one hugepages resource for each page size.
	Capacity v1.ResourceList
	// HugePageSizes are the page sizes as the kernel spells them in cgroup files ("2MB").
	HugePageSizes []string
	// MaxPids is how many processes and threads the machine can run.
	MaxPids int64
	// Swap is the swap space in bytes.
	Swap int64
}

// ReadMachine reads the machine's resources; rootDir lies on the file system whose size is the ephemeral storage.
func ReadMachine(rootDir string) (Machine, error) { return readMachine("/", rootDir) }

// readMachine reads the files of /proc and /sys below base.
func readMachine(base, rootDir string) (Machine, error) {
	m := Machine{Capacity: v1.ResourceList{}}
	online, err := readFile(filepath.Join(base, "sys/devices/system/cpu/online"))
	if err != nil {
		return m, fmt.Errorf("read number of CPUs: %w", err)
	}
	cpus, err := countRange(online)
	if err != nil {
		return m, fmt.Errorf("read number of CPUs: %w", err)
	}
	m.Capacity[v1.ResourceCPU] = *resource.NewQuantity(cpus, resource.DecimalSI)
	memory, swap, err := readMemInfo(filepath.Join(base, "proc/meminfo"))
	if err != nil {
		return m, fmt.Errorf("read size of memory: %w", err)
	}
	m.Capacity[v1.ResourceMemory] = *resource.NewQuantity(memory, resource.BinarySI)
	m.Swap = swap
	if err := m.readHugePages(filepath.Join(base, "sys/kernel/mm/hugepages")); err != nil {
		return m, fmt.Errorf("read huge pages: %w", err)
	}
	if m.MaxPids, err = readMaxPids(filepath.Join(base, "proc/sys/kernel")); err != nil {
		return m, fmt.Errorf("read number of processes: %w", err)
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(rootDir, &stat); err != nil {
		return m, fmt.Errorf("read size of file system of %s: %w", rootDir, err)
	}
	m.Capacity[v1.ResourceEphemeralStorage] = *resource.NewQuantity(int64(stat.Blocks)*stat.Bsize, resource.BinarySI)
	return m, nil
}

// countRange counts the members of a kernel list such as "0-3,6".
func countRange(list string) (int64, error) {
	count := int64(0)
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		first, last, ranged := strings.Cut(part, "-")
		low, err := strconv.ParseInt(first, 10, 32)
		if err != nil {
			return 0, err
		}
		high := low
		if ranged {
			if high, err = strconv.ParseInt(last, 10, 32); err != nil {
				return 0, err
			}
		}
		count += high - low + 1
	}
	return count, nil
}

// readMemInfo gives the total memory and swap in bytes.
func readMemInfo(path string) (memory, swap int64, err error) {
	text, err := readFile(path)
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		value, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			continue
		}
		switch fields[0] {
		case "MemTotal:":
			memory = value * 1024
		case "SwapTotal:":
			swap = value * 1024
		}
	}
	if memory == 0 {
		return 0, 0, fmt.Errorf("%s has no MemTotal", path)
	}
	return memory, swap, nil
}

// readHugePages adds a resource for each page size that the kernel knows, also those of which none are set aside.
func (m *Machine) readHugePages(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // A kernel without huge pages.
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(entry.Name(), "hugepages-"), "kB"), 10, 64)
		if err != nil {
			return fmt.Errorf("parse %s: %w", entry.Name(), err)
		}
		pages, err := readInt(filepath.Join(dir, entry.Name()), "nr_hugepages")
		if err != nil {
			return err
		}
		size := resource.NewQuantity(kib*1024, resource.BinarySI)
		m.Capacity[v1.ResourceName(v1.ResourceHugePagesPrefix+size.String())] = *resource.NewQuantity(pages*kib*1024, resource.BinarySI)
		m.HugePageSizes = append(m.HugePageSizes, formatPageSize(kib*1024))
	}
	return nil
}

// readMaxPids is the lesser of the two bounds that the kernel sets.
func readMaxPids(dir string) (int64, error) {
	pids, err := readInt(dir, "pid_max")
	if err != nil {
		return 0, err
	}
	threads, err := readInt(dir, "threads-max")
	if err != nil {
		return 0, err
	}
	return min(pids, threads), nil
}
