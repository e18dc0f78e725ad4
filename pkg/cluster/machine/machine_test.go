package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/sys/mountinfo"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/proa-sh/proa/pkg/cluster/machine/first"
	"github.com/proa-sh/proa/pkg/cluster/process"
)

// The test program is the first process of a machine, and what runs on it, by the name that it is called by.
const agentName = "test-agent"

// TestMain runs the tests in a network and mount namespace of their own.
func TestMain(m *testing.M) {
	const inside = "PROA_TEST_INSIDE"
	switch filepath.Base(os.Args[0]) {
	case program:
		if err := first.Run(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case agentName:
		agent()
	}
	if os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	}
	fmt.Fprintln(os.Stderr, "run tests in new namespaces (needs root):", err)
	os.Exit(1)
}

// facts are what the agent sees.
type facts struct {
	Life                                  string
	Pid                                   int
	Hostname, HostnameFile, Links, Routes string
	Mounts                                []string
}

// agent serves what it sees, and starts and mounts things when asked.
func agent() {
	mux := http.NewServeMux()
	mux.HandleFunc("/facts", func(w http.ResponseWriter, _ *http.Request) {
		host, _ := os.Hostname()
		file, _ := os.ReadFile("/etc/hostname")
		f := facts{Life: os.Args[1], Pid: os.Getpid(), Hostname: host, HostnameFile: string(file)}
		links, _ := netlink.LinkList()
		for _, l := range links {
			if l.Attrs().Flags&net.FlagUp != 0 { // some kernels have others in every namespace
				f.Links += l.Attrs().Name + " "
			}
		}
		routes, _ := netlink.RouteList(nil, netlink.FAMILY_V4)
		for _, r := range routes {
			if r.Gw != nil {
				f.Routes += r.Gw.String()
			}
		}
		mounts, _ := mountinfo.GetMounts(mountinfo.PrefixFilter(os.Args[2]))
		for _, m := range mounts {
			f.Mounts = append(f.Mounts, strings.TrimPrefix(m.Mountpoint, os.Args[2]+"/"))
		}
		_ = json.NewEncoder(w).Encode(f)
	})
	mux.HandleFunc("/orphan", func(http.ResponseWriter, *http.Request) {
		_ = exec.Command("sh", "-c", "setsid tail -f /dev/null >/dev/null 2>&1 & exit 0").Run()
	})
	mux.HandleFunc("/mount", func(http.ResponseWriter, *http.Request) {
		_ = unix.Mount("tmpfs", filepath.Join(os.Args[2], "own"), "tmpfs", 0, "")
	})
	mux.HandleFunc("/exit", func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "well" {
			os.Exit(0)
		}
		os.Exit(3)
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(":80", mux))
	os.Exit(1)
}

// box is a machine in a test.
type box struct {
	t *testing.T
	Config
	dir string
}

func newBox(t *testing.T) *box {
	t.Helper()
	dir := t.TempDir()
	own, err := os.Executable()
	check(t, err)
	for _, name := range []string{program, agentName} {
		check(t, os.Symlink(own, filepath.Join(dir, name)))
	}
	for _, name := range []string{"mounts", "mounts/hosts", "mounts/own"} {
		check(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	check(t, os.WriteFile(filepath.Join(dir, "hostname"), []byte("box"), 0o644))
	gateway := netip.MustParsePrefix("192.0.2.1/24")
	b := &box{t: t, dir: dir, Config: Config{
		Spec: first.Spec{
			Hostname: "box", Hide: []string{filepath.Join(dir, "mounts")},
			Binds: []first.Bind{{Source: filepath.Join(dir, "hostname"), Target: "/etc/hostname"}, {Source: dir, Target: filepath.Join(dir, "none")}},
		},
		BinDir: dir, Dir: filepath.Join(dir, "run"), LogFile: filepath.Join(dir, "log"), Mark: dir,
		Bridge: "bridge", Port: "port", Address: netip.MustParsePrefix("192.0.2.2/24"), Gateway: gateway.Addr(),
	}}
	b.live("one")
	check(t, EnsureBridge("bridge", gateway))
	check(t, EnsureBridge("bridge", gateway)) // again
	t.Cleanup(func() {
		check(t, CutPower(context.WithoutCancel(t.Context()), b.Mark))
		if t.Failed() {
			log, _ := os.ReadFile(b.LogFile)
			t.Logf("log of the machine:\n%s", log)
		}
	})
	return b
}

// live sets the program of the machine's next life.
func (b *box) live(life string) {
	b.Program = []string{filepath.Join(b.dir, agentName), life, filepath.Join(b.dir, "mounts")}
}

// start starts the machine and gives what ends with it.
func (b *box) start() *exec.Cmd {
	b.t.Helper()
	cmd, err := b.Start()
	check(b.t, err)
	return cmd
}

// ask asks the agent, which may still be coming up.
func (b *box) ask(path string) *http.Response {
	b.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	deadline := time.After(20 * time.Second)
	for {
		response, err := client.Get("http://192.0.2.2" + path)
		if err == nil {
			return response
		}
		select {
		case <-deadline:
			b.t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (b *box) do(path string) {
	b.t.Helper()
	check(b.t, b.ask(path).Body.Close())
}

// facts asks until the agent is in that life.
func (b *box) facts(life string) facts {
	b.t.Helper()
	for {
		var f facts
		response := b.ask("/facts")
		check(b.t, json.NewDecoder(response.Body).Decode(&f))
		check(b.t, response.Body.Close())
		if f.Life == life {
			return f
		}
	}
}

// processes counts those of the machine, by their commands.
func (b *box) processes() map[string]int {
	b.t.Helper()
	marked, err := process.Marked(b.Mark)
	check(b.t, err)
	count := map[string]int{}
	for _, p := range marked {
		count[p.Command]++
	}
	return count
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMachine(t *testing.T) {
	b := newBox(t)
	check(t, unix.Mount("tmpfs", filepath.Join(b.dir, "mounts", "hosts"), "tmpfs", 0, ""))
	defer func() { check(t, unix.Unmount(filepath.Join(b.dir, "mounts", "hosts"), 0)) }()
	cmd := b.start()
	got := b.facts("one")
	want := facts{Life: "one", Hostname: "box", HostnameFile: "box", Links: "lo eth0 ", Routes: "192.0.2.1"}
	want.Pid = got.Pid
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the agent sees (-want +got):\n%s", diff)
	}
	if got.Pid > 100 {
		t.Errorf("the agent has number %d, so it is not in a process namespace of its own", got.Pid)
	}

	// What is mounted on the machine stays there.
	b.do("/mount")
	if got := b.facts("one").Mounts; !cmp.Equal(got, []string{"own"}) {
		t.Errorf("mounts of the machine: %v", got)
	}
	if on, err := mountinfo.Mounted(filepath.Join(b.dir, "mounts", "own")); err != nil || on {
		t.Errorf("mounted on the host too: %v, %v", on, err)
	}

	// Another program takes over; what the first has started goes on.
	b.do("/orphan")
	b.live("two")
	check(t, errors.Join(b.Update(), b.Restart(t.Context())))
	b.facts("two")
	if diff := cmp.Diff(map[string]int{program: 1, agentName: 1, "tail": 1}, b.processes()); diff != "" {
		t.Errorf("processes after restart:\n%s", diff)
	}
	check(t, exec.Command("nsenter", "-t", fmt.Sprint(cmd.Process.Pid), "-p", "-m", "ps", "-e").Run())

	// One that falls is started again.
	before := b.facts("two").Pid
	func() { // it gives no answer
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if response, err := client.Get("http://192.0.2.2/exit"); err == nil {
			check(t, response.Body.Close())
		}
	}()
	if after := b.facts("two").Pid; after == before {
		t.Error("the agent did not fall")
	}

	check(t, CutPower(t.Context(), b.Mark))
	if left := b.processes(); len(left) > 0 {
		t.Errorf("left after a power cut: %v", left)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the first process ended with %v", err)
	}

	// It comes back in the place of what the last life has left.
	cmd = b.start()
	b.facts("two")
	if p, found, err := Find(b.Mark); err != nil || !found || p.Pid != cmd.Process.Pid {
		t.Errorf("found %v, %v, %v; started %d", p, found, err, cmd.Process.Pid)
	}
	// An agent that ends well switches it off.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if response, err := client.Get("http://192.0.2.2/exit?well"); err == nil {
		check(t, response.Body.Close())
	}
	check(t, cmd.Wait())
	if _, found, err := Find(b.Mark); err != nil || found {
		t.Errorf("after the end: found %v, %v", found, err)
	}
}

func TestEnvironment(t *testing.T) {
	got := environment([]string{"PATH=/bin", "NOTIFY_SOCKET=/run/x", "LISTEN_FDS=1", "HTTP_PROXY=a=b"})
	if diff := cmp.Diff([]string{"PATH=/bin", "HTTP_PROXY=a=b"}, got); diff != "" {
		t.Error(diff)
	}
}
