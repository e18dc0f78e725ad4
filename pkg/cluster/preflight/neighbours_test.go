package preflight

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

func TestForeignPods(t *testing.T) {
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		t.Fatal(err)
	}
	var mount string
	for _, m := range mounts {
		if m.FSType == "cgroup2" || m.VFSOptions == "rw,pids" || m.VFSOptions == "pids" {
			mount = m.Mountpoint
		}
	}
	if mount == "" {
		t.Fatal("no hierarchy that takes processes without being set up")
	}
	root := "/proa-preflight-" + strconv.Itoa(os.Getpid())
	pod := filepath.Join(mount, root, "kubepods", "burstable", "pod1", "c")
	if err := os.MkdirAll(pod, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for dir := pod; dir != mount; dir = filepath.Dir(dir) {
			if err := unix.Rmdir(dir); err != nil {
				t.Error(err)
			}
		}
	})
	if got, err := foreignPods(root); err != nil || got != "" {
		t.Errorf("of an empty cgroup: %q, %v", got, err)
	}
	cmd := exec.Command("tail", "-f", "/dev/null")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// In the other order than they were registered: a cgroup is empty when its processes have been waited for.
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	if err := os.WriteFile(filepath.Join(pod, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("process %d (tail) in cgroup /kubepods", cmd.Process.Pid)
	if got, err := foreignPods(root); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}
