package containerdtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/go-logr/logr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	criapi "k8s.io/cri-api/pkg/apis"
	cri "k8s.io/cri-client/pkg"
	"k8s.io/klog/v2"
)

// Containerd is a running daemon.
type Containerd struct {
	// Endpoint is the CRI socket's URL.
	Endpoint string
	// Dir is a directory of the test's own, on the same file system as the daemon's state.
	Dir string
	// CgroupRoot is a cgroup of the test's own.
	CgroupRoot string

	t      *testing.T
	binary string
	config string
	log    *os.File
	cmd    *exec.Cmd
}

var configTemplate = template.Must(template.New("config").Parse(`version = 3
root = "{{.Dir}}/root"
state = "{{.Dir}}/state"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
  address = "{{.Dir}}/containerd.sock"

[ttrpc]
  address = "{{.Dir}}/containerd.ttrpc"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{{.Image}}"

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true
  tolerate_missing_hugetlb_controller = true
  netns_mounts_under_state_dir = true

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  runtime_path = "{{.Bin}}/containerd-shim-runc-v2"

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{{.Bin}}/cni"]
  conf_dir = "{{.Dir}}/cni"

[plugins.'io.containerd.grpc.v1.cri']
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
`))

const cniConfig = `{
  "cniVersion": "1.0.0", "name": "%[1]s",
  "plugins": [{
    "type": "bridge", "bridge": "%[1]s", "isGateway": true,
    "ipam": {"type": "host-local", "dataDir": "%[2]s/ipam", "ranges": [[{"subnet": "10.%[3]d.%[4]d.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}
  }]
}`

// Start starts a containerd that ends with the test.
func Start(t *testing.T) *Containerd {
	t.Helper()
	// Paths of sockets are short; the test's own directory may be too deep.
	dir, err := os.MkdirTemp("", "ctd")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(moduleRoot(t), "bin")
	c := &Containerd{t: t, Dir: dir, Endpoint: "unix://" + dir + "/containerd.sock", binary: filepath.Join(bin, "containerd"), config: filepath.Join(dir, "config.toml")}
	if _, err := os.Stat(c.binary); err != nil {
		t.Fatalf("this test needs containerd, which hack/tools builds into bin/: %v", err)
	}
	var config bytes.Buffer
	if err := configTemplate.Execute(&config, map[string]string{"Dir": dir, "Bin": bin, "Image": Image}); err != nil {
		t.Fatal(err)
	}
	bridge := fmt.Sprintf("ct%d", os.Getpid())
	network := fmt.Sprintf(cniConfig, bridge, dir, 200+os.Getpid()/256%50, os.Getpid()%256)
	for path, text := range map[string]string{c.config: config.String(), filepath.Join(dir, "cni", "10-test.conflist"): network} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c.makeCgroups()
	t.Cleanup(func() { c.clean(bridge) })
	c.Run()
	importImage(context.Background(), t, filepath.Join(dir, "containerd.sock"), dir)
	return c
}

// moduleRoot looks upwards from the directory of the package under test, in which its tests run.
func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("cannot find the module's root")
	return ""
}

// Run starts the daemon, for the first time or after Kill, and waits until it serves.
func (c *Containerd) Run() {
	c.t.Helper()
	log, err := os.OpenFile(filepath.Join(c.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		c.t.Fatal(err)
	}
	c.log = log
	c.cmd = exec.Command(c.binary, "--config", c.config)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatalf("start containerd: %v", err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		service, err := c.connect()
		if err == nil {
			if err := service.Close(context.Background()); err != nil {
				c.t.Fatal(err)
			}
			return
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			c.t.Fatalf("containerd does not serve: %v\n%s", err, text)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// Kill ends the daemon at once; shims and containers live on.
func (c *Containerd) Kill() {
	c.t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		c.t.Fatalf("kill containerd: %v", err)
	}
	// It was killed: the error says just that.
	_ = c.cmd.Wait()
	c.log.Close()
}

func (c *Containerd) connect() (criapi.RuntimeService, error) {
	ctx := klog.NewContext(context.Background(), logr.Discard())
	return cri.NewRemoteRuntimeService(ctx, c.Endpoint, 2*time.Minute, nil, false)
}

// clean takes everything away: sandboxes, daemon, mounts, bridge, cgroups, files.
func (c *Containerd) clean(bridge string) {
	if c.t.Failed() {
		if text, err := os.ReadFile(filepath.Join(c.Dir, "log")); err == nil {
			lines := strings.Split(string(text), "\n")
			c.t.Logf("end of containerd's log:\n%s", strings.Join(lines[max(0, len(lines)-40):], "\n"))
		}
	}
	if service, err := c.connect(); err == nil {
		ctx := context.Background()
		sandboxes, err := service.ListPodSandbox(ctx, nil)
		for _, s := range sandboxes {
			err = errors.Join(err, service.StopPodSandbox(ctx, s.Id), service.RemovePodSandbox(ctx, s.Id))
		}
		if err := errors.Join(err, service.Close(ctx)); err != nil {
			c.t.Errorf("remove sandboxes: %v", err)
		}
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err == nil {
		// Whether it ends well after that is not under test.
		_ = c.cmd.Wait()
	}
	c.log.Close()
	if link, err := netlink.LinkByName(bridge); err == nil {
		if err := netlink.LinkDel(link); err != nil {
			c.t.Errorf("remove bridge: %v", err)
		}
	}
	c.unmountBelow()
	c.removeCgroups()
	if err := os.RemoveAll(c.Dir); err != nil {
		c.t.Errorf("remove directory: %v", err)
	}
}

// unmountBelow takes down whatever is still mounted in the test's directory.
func (c *Containerd) unmountBelow() {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		c.t.Errorf("list mounts: %v", err)
		return
	}
	lines := strings.Split(string(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		fields := strings.Fields(lines[i])
		if len(fields) > 4 && strings.HasPrefix(fields[4], c.Dir+"/") {
			if err := unix.Unmount(fields[4], unix.MNT_DETACH); err != nil {
				c.t.Errorf("unmount %s: %v", fields[4], err)
			}
		}
	}
}
