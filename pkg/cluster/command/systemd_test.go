package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"

	"github.com/proa-sh/proa/pkg/cluster/containerd"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/images"
	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/pkg/cluster/unit"
)

// TestUnderSystemd: where systemd is the init, a unit runs the server. Elsewhere it is the init of namespaces of their own, for this
// test alone.
func TestUnderSystemd(t *testing.T) {
	if !unit.Booted() {
		inSystemd(t)
		return
	}
	m := newMachine(t)
	service := m.cfg.Unit()
	m.want(m.must("up"), "etcd", "containerd", "The cluster is up: https://127.0.0.1:")
	m.want(m.must("up"), "is up already, as process")
	m.put("/test/1")
	m.wantUnit("enabled", "active")
	before := m.status()
	score := "-999\n"
	if may, err := containerd.MayLowerOOMScore(); err != nil || !may { // then systemd starts it with what it has
		score = "0\n"
	}
	for file, want := range map[string]string{"oom_score_adj": score, "cgroup": "/" + service.Name() + "\n"} {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", before.Pid, file))
		if err != nil || !strings.Contains(string(content), want) {
			t.Errorf("%s of the server: %q, %v", file, content, err)
		}
	}

	// systemd brings back the keeper, and the keeper the server.
	m.kill(t, true)
	m.awaitLife(before.Pid)
	m.wantKeys(1)
	before = m.status()
	m.kill(t, false)
	m.awaitLife(before.Pid)
	if falls := m.status().Falls; len(falls) == 0 {
		t.Error("the fall is not told of")
	}

	// A container outlives a restart of the service.
	m.container("run", "-d", images.PauseName, "survivor")
	before = m.status()
	if out, err := exec.Command("systemctl", "restart", service.Name()).CombinedOutput(); err != nil {
		t.Fatalf("restart: %v, %s", err, out)
	}
	m.awaitLife(before.Pid)
	m.want(m.container("task", "ls"), "survivor", "RUNNING")
	m.container("task", "kill", "-s", "KILL", "survivor")

	m.want(m.must("down"), "stopped in", "The cluster is down")
	m.wantUnit("not-found", "inactive")
	m.wantClean()

	// Taken down while systemd is about to bring it back.
	m.must("up")
	m.wantKeys(1)
	m.kill(t, true)
	m.must("down")
	m.wantUnit("not-found", "inactive")
	m.wantClean()
}

// TestFailedStartUnderSystemd says why, and leaves no unit.
func TestFailedStartUnderSystemd(t *testing.T) {
	if !unit.Booted() {
		inSystemd(t)
		return
	}
	m := newMachine(t)
	if err := errors.Join(os.MkdirAll(m.cfg.DataDir, 0o711), os.WriteFile(m.cfg.EtcdDir(), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.run("up"); err == nil || !strings.Contains(err.Error(), "start etcd-socket: make etcd directory") {
		t.Errorf("error %v does not say what is wrong", err)
	}
	m.wantUnit("not-found", "inactive")
	m.wantClean()
}

// kill ends the server by force, and its keeper before if that is wanted.
func (m *machine) kill(t *testing.T, keeper bool) {
	t.Helper()
	server, err := process.Lookup(m.status().Pid)
	if err != nil {
		t.Fatal(err)
	}
	victims, err := keepers(m.cfg)
	if err != nil || len(victims) != 1 {
		t.Fatalf("keepers: %v, %v", victims, err)
	}
	if !keeper {
		victims = nil
	}
	if err := process.Kill(t.Context(), append(victims, server)...); err != nil {
		t.Fatal(err)
	}
}

// awaitLife returns when another server than that one runs.
func (m *machine) awaitLife(former int) {
	m.t.Helper()
	deadline := time.After(time.Minute)
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for {
		if status := m.state(); status.Phase == control.Running && status.Pid != former {
			return
		}
		select {
		case <-pause.C:
		case <-deadline:
			m.t.Fatalf("no other server than %d runs: %+v", former, m.state())
		}
	}
}

// wantUnit checks whether systemd starts the unit with the machine, and what it does now.
func (m *machine) wantUnit(enabled, active string) {
	m.t.Helper()
	for word, want := range map[string]string{"is-enabled": enabled, "is-active": active} {
		out, _ := exec.Command("systemctl", word, m.cfg.Unit().Name()).CombinedOutput() // says the same by its exit status
		got := strings.TrimSpace(string(out))
		if got != want && !(want == "not-found" && strings.Contains(got, "No such file")) {
			m.t.Errorf("systemctl %s: %s, want %s", word, got, want)
		}
	}
}

// container runs ctr.
func (m *machine) container(args ...string) string {
	m.t.Helper()
	c := m.cfg.Node().Containerd(false)
	endpoint := strings.TrimPrefix(c.Endpoint(), "unix://")
	out, err := exec.Command(filepath.Join(m.cfg.BinDir, "ctr"), append([]string{"-a", endpoint, "-n", "k8s.io"}, args...)...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("ctr %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// inSystemd runs the test that calls it under a systemd in namespaces.
func inSystemd(t *testing.T) {
	dir := t.TempDir()
	groups := cgroupsFor(t, filepath.Base(dir))
	units := map[string]string{
		"test.service": "[Service]\nType=oneshot\nTimeoutStartSec=infinity\nWorkingDirectory=" + mustGetwd(t) + "\nStandardOutput=append:" + dir + "/out\nStandardError=inherit\n" +
			"ExecStart=" + mustSelf(t) + " -test.v -test.run ^" + t.Name() + "$$\n[Unit]\nSuccessAction=exit-force\nFailureAction=exit-force\n",
		"multi-user.target": "[Unit]\nWants=test.service\n",
	}
	for _, target := range []string{"basic", "sysinit", "shutdown", "network-online"} {
		units[target+".target"] = "[Unit]\nDefaultDependencies=no\n"
	}
	if err := os.Mkdir(filepath.Join(dir, "units"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range units {
		if err := os.WriteFile(filepath.Join(dir, "units", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroups"), []byte(strings.Join(groups, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), "timeout", "--signal=KILL", "240", "testdata/systemd.sh", dir, mustSelf(t)).CombinedOutput()
	out, readErr := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil || readErr != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("under systemd: %v, %v\n%s%s", err, readErr, said, out)
	}
}

// cgroupsFor names a new cgroup in each hierarchy, and removes them after the test.
func cgroupsFor(t *testing.T, name string) []string {
	t.Helper()
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		t.Fatal(err)
	}
	var groups []string
	for _, mount := range mounts {
		groups = append(groups, filepath.Join(mount.Mountpoint, "proa-test-"+filepath.Base(filepath.Dir(t.TempDir()))+name))
	}
	t.Cleanup(func() {
		for _, group := range groups {
			removeCgroups(t, group)
		}
	})
	return groups
}

// removeCgroups removes a cgroup and those below it, which have lost their last process a moment ago.
func removeCgroups(t *testing.T, root string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		var dirs []string
		_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		if len(dirs) == 0 {
			return
		}
		for i := len(dirs) - 1; i >= 0; i-- {
			_ = os.Remove(dirs[i]) // looked at again
		}
		if time.Now().After(deadline) {
			t.Errorf("cgroups are left: %v", dirs)
			return
		}
	}
}

func mustSelf(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

func mustGetwd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
