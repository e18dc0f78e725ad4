package resources

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// startManager makes a Manager on the real cgroups of this machine, below a root of the test's own.
func startManager(t *testing.T) *Manager {
	t.Helper()
	groups, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	machine, err := ReadMachine(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root := fmt.Sprintf("/proa-test-%d", os.Getpid())
	own := tree{cgroups: groups}
	if err := own.create("/", root); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// t.Context has ended by now.
		if err := own.remove(context.Background(), root); err != nil {
			t.Error(err)
		}
	})
	m, err := New(Config{
		Root: root, Cgroups: groups, Capacity: machine.Capacity, Enforce: true,
		Policy:   Policy{CPUQuota: true, PodPids: 512, HugePageSizes: machine.HugePageSizes},
		Reserved: Reserved{System: v1.ResourceList{v1.ResourceMemory: resource.MustParse("1Gi")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

func testPod(uid, cpuRequest, cpuLimit, memory string) *v1.Pod {
	requirements := v1.ResourceRequirements{Requests: v1.ResourceList{}, Limits: v1.ResourceList{}}
	if cpuRequest != "" {
		requirements.Requests[v1.ResourceCPU] = resource.MustParse(cpuRequest)
	}
	if cpuLimit != "" {
		requirements.Limits[v1.ResourceCPU] = resource.MustParse(cpuLimit)
	}
	if memory != "" {
		requirements.Requests[v1.ResourceMemory] = resource.MustParse(memory)
		requirements.Limits[v1.ResourceMemory] = resource.MustParse(memory)
	}
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: uid, Namespace: "test", UID: types.UID(uid)},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c", Resources: requirements}}},
	}
}

func TestManagerOnThisMachine(t *testing.T) {
	m := startManager(t)
	ctx := t.Context()
	guaranteed := testPod("g", "500m", "500m", "64Mi")
	burst := testPod("b", "250m", "", "")
	best := testPod("e", "", "", "")
	for pod, want := range map[*v1.Pod]string{
		guaranteed: m.cfg.Root + "/kubepods/podg",
		burst:      m.cfg.Root + "/kubepods/burstable/podb",
		best:       m.cfg.Root + "/kubepods/besteffort/pode",
	} {
		for range 2 { // It is idempotent.
			got, err := m.EnsurePod(ctx, pod)
			if err != nil || got != want {
				t.Fatalf("EnsurePod(%s) = %q, %v; want %q", pod.Name, got, err, want)
			}
		}
	}
	expectValues(t, m, m.PodCgroup(guaranteed), PodLimits(guaranteed, m.cfg.Policy))
	expectValues(t, m, m.PodCgroup(burst), Limits{CPUShares: 256, Pids: 512})
	expectValues(t, m, m.tier(v1.PodQOSBurstable), Limits{CPUShares: 256})
	expectValues(t, m, m.tier(v1.PodQOSBestEffort), Limits{CPUShares: 2})

	// A resize in place.
	larger := testPod("b", "500m", "1", "")
	if _, err := m.EnsurePod(ctx, larger); err != nil {
		t.Fatal(err)
	}
	expectValues(t, m, m.PodCgroup(burst), Limits{CPUShares: 512, CPUQuota: 100000, CPUPeriod: 100000})
	expectValues(t, m, m.tier(v1.PodQOSBurstable), Limits{CPUShares: 512})

	uids, err := m.Pods()
	if diff := cmp.Diff([]types.UID{"g", "b", "e"}, uids); err != nil || diff != "" {
		t.Errorf("Pods: %v (-want +got):\n%s", err, diff)
	}
	process := runIn(t, m, filepath.Join(m.PodCgroup(burst), "container"))
	for range 2 {
		if err := m.RemovePod(ctx, "b"); err != nil {
			t.Fatal(err)
		}
	}
	if err := process.Wait(); err == nil {
		t.Error("the process left in the pod's cgroup was not killed")
	}
	expectValues(t, m, m.tier(v1.PodQOSBurstable), Limits{CPUShares: 2})
	uids, err = m.Pods()
	if diff := cmp.Diff([]types.UID{"g", "e"}, uids); err != nil || diff != "" {
		t.Errorf("Pods after removal: %v (-want +got):\n%s", err, diff)
	}
}

// expectValues compares what the kernel holds with the limits.
func expectValues(t *testing.T, m *Manager, cgroup string, limits Limits) {
	t.Helper()
	for _, want := range m.tree.values(limits) {
		dir, ok := m.tree.dir(want.controller, cgroup)
		if !ok {
			continue
		}
		got, err := readFile(filepath.Join(dir, want.file))
		if err != nil || got != want.text {
			t.Errorf("%s %s = %q, %v; want %q", cgroup, want.file, got, err, want.text)
		}
	}
}

// runIn starts a process that waits for ever, in a cgroup made for it in every hierarchy, as a runtime does.
func runIn(t *testing.T, m *Manager, cgroup string) *exec.Cmd {
	t.Helper()
	command := exec.Command("cat")
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { input.Close() })
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	enter(t, m, cgroup, command.Process.Pid)
	return command
}

func enter(t *testing.T, m *Manager, cgroup string, pid int) {
	t.Helper()
	if err := m.tree.create("/", cgroup); err != nil {
		t.Fatal(err)
	}
	for _, mount := range m.tree.mounts() {
		if err := writeFile(filepath.Join(mount, cgroup), "cgroup.procs", strconv.Itoa(pid)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLimitBelowUse: a pod's memory limit is not lowered below what it uses, for the kernel would kill to keep it.
func TestLimitBelowUse(t *testing.T) {
	m := startManager(t)
	cgroup, err := m.EnsurePod(t.Context(), testPod("low", "100m", "", "64Mi"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("sh", "-c", `read go; dd if=/dev/zero of="$0" bs=1M count=8 2>/dev/null; echo written; read end`, filepath.Join(t.TempDir(), "file"))
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	enter(t, m, cgroup+"/c", command.Process.Pid)
	if _, err := fmt.Fprintln(input, "go"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(output).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if busy, err := m.Busy("low"); err != nil || !busy {
		t.Errorf("a pod with a process is busy: %v, %v", busy, err)
	}
	if _, err := m.EnsurePod(t.Context(), testPod("low", "100m", "", "1Mi")); err == nil || !strings.Contains(err.Error(), "attempting to set pod memory limit (1048576) below current usage") {
		t.Errorf("lowered below what is used: %v", err)
	}
	if _, err := m.EnsurePod(t.Context(), testPod("low", "100m", "", "48Mi")); err != nil {
		t.Errorf("lowered to more than is used: %v", err)
	}
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Logf("the process ended with %v", err) // the end of its input may fail the last read
	}
	if busy, err := m.Busy("low"); err != nil || busy {
		t.Errorf("a pod without processes is not busy: %v, %v", busy, err)
	}
	if err := m.RemovePod(t.Context(), "low"); err != nil {
		t.Error(err)
	}
}

func TestStartNeedsItsRoot(t *testing.T) {
	groups, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(Config{Root: fmt.Sprintf("/proa-test-absent-%d", os.Getpid()), Cgroups: groups})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err == nil {
		t.Error("Start succeeded without a cgroup root")
	}
}

func TestNewRefuses(t *testing.T) {
	complete := Cgroups{Version: 1, Mounts: map[string]string{}}
	for _, tc := range []struct {
		name string
		cfg  Config
	}{
		{"systemd driver", Config{Driver: "systemd", Cgroups: complete}},
		{"unknown driver", Config{Driver: "none", Cgroups: complete}},
		{"missing controllers", Config{Cgroups: Cgroups{Version: 2, Missing: []string{"memory"}}}},
	} {
		if _, err := New(tc.cfg); err == nil {
			t.Errorf("%s: no error", tc.name)
		}
	}
}

func TestRemovePodRefusesPaths(t *testing.T) {
	m, err := New(Config{Cgroups: Cgroups{Version: 1, Mounts: map[string]string{}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, uid := range []types.UID{"", "a/../../x", "a\x00"} {
		if err := m.RemovePod(t.Context(), uid); err == nil {
			t.Errorf("RemovePod(%q) succeeded", uid)
		}
	}
}
