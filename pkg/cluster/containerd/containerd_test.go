package containerd

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/proa-sh/proa/pkg/cluster/images"
	"github.com/proa-sh/proa/pkg/cluster/ledger"
	"github.com/proa-sh/proa/pkg/cluster/process"
)

// fixture is a daemon in directories of its own, and a ledger that undoes at the end what a failed test leaves.
type fixture struct {
	cfg    Config
	ledger *ledger.Ledger
	cgroup string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	bin, err := filepath.Abs("../../../bin")
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: its name is too long for sockets.
	dir, err := os.MkdirTemp("", "proa-ctd-")
	if err != nil {
		t.Fatal(err)
	}
	lower, err := MayLowerOOMScore()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{cfg: Config{
		BinDir: bin, Root: filepath.Join(dir, "root"), State: filepath.Join(dir, "state"), LogFile: filepath.Join(dir, "log"),
		CNIBinDir: filepath.Join(bin, "cni"), CNIConfDir: filepath.Join(dir, "net.d"), CertsDir: filepath.Join(dir, "certs.d"),
		SandboxImage: images.PauseName, RuntimeHandlers: []string{"test-handler"}, RestrictOOMScoreAdj: !lower, Mark: dir,
	}, cgroup: "/" + filepath.Base(dir)}
	if f.ledger, err = ledger.Open(filepath.Join(t.TempDir(), "ledger")); err != nil {
		t.Fatal(err)
	}
	f.record(t)
	t.Cleanup(func() {
		if err := f.ledger.Undo(context.Background()); err != nil {
			t.Errorf("undo: %v", err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove test directory: %v", err)
		}
		if left, err := process.Marked(f.cfg.Mark); err != nil || len(left) > 0 {
			t.Errorf("processes are left: %v, %v", left, err)
		}
	})
	return f
}

// record tells the ledger what a daemon and its pods change.
func (f *fixture) record(t *testing.T) {
	t.Helper()
	err := errors.Join(f.ledger.Dir(f.cfg.ShimSocketDir()), f.ledger.MountsUnder(f.cfg.Mark), f.ledger.Processes(f.cfg.Mark), f.ledger.Cgroup(f.cgroup))
	if err != nil {
		t.Fatal(err)
	}
}

// run starts a daemon and returns it, when it serves, with a function that stops it.
func (f *fixture) run(t *testing.T) (*Daemon, func() error) {
	t.Helper()
	daemon, err := New(f.cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- daemon.Run(ctx) }()
	select {
	case <-daemon.Ready():
	case err := <-done:
		t.Fatalf("run: %v", err)
	}
	if err := daemon.Healthy(); err != nil {
		t.Errorf("ready, but %v", err)
	}
	return daemon, func() error { cancel(); return <-done }
}

func (f *fixture) cri(t *testing.T) runtimeapi.RuntimeServiceClient {
	t.Helper()
	conn, err := grpc.NewClient(f.cfg.Endpoint(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return runtimeapi.NewRuntimeServiceClient(conn)
}

// runPod runs a pod in the host's network, which needs no CNI configuration.
func (f *fixture) runPod(t *testing.T, name, handler string) string {
	t.Helper()
	host := &runtimeapi.NamespaceOption{Network: runtimeapi.NamespaceMode_NODE}
	response, err := f.cri(t).RunPodSandbox(t.Context(), &runtimeapi.RunPodSandboxRequest{RuntimeHandler: handler, Config: &runtimeapi.PodSandboxConfig{
		Metadata:     &runtimeapi.PodSandboxMetadata{Name: name, Namespace: "default", Uid: name},
		LogDirectory: filepath.Join(f.cfg.State, "logs", name),
		Linux: &runtimeapi.LinuxPodSandboxConfig{
			CgroupParent:    filepath.Join(f.cgroup, name),
			SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{NamespaceOptions: host},
		},
	}})
	if err != nil {
		t.Fatalf("run pod %s: %v", name, err)
	}
	return response.PodSandboxId
}

func (f *fixture) ready(t *testing.T) int {
	t.Helper()
	pods, err := f.cri(t).ListPodSandbox(t.Context(), &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		t.Fatal(err)
	}
	ready := 0
	for _, pod := range pods.Items {
		if pod.State == runtimeapi.PodSandboxState_SANDBOX_READY {
			ready++
		}
	}
	return ready
}

func importPause(t *testing.T, d *Daemon) {
	t.Helper()
	archive, _ := images.SystemArchives(filepath.Join(d.cfg.BinDir, "images"))
	names, err := d.Images().Import(t.Context(), archive, Pinned())
	if err != nil {
		t.Fatal(err)
	}
	entries, err := images.Entries(archive)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 1 || len(entries) != 1 || names[0] != entries[0].Name {
		t.Fatalf("imported %v, want %v", names, entries)
	}
	if has, err := d.Images().Has(t.Context(), entries[0].Name, entries[0].Digest); err != nil || !has {
		t.Errorf("the imported image is not found: %v", err)
	}
	if has, err := d.Images().Has(t.Context(), entries[0].Name, "sha256:other"); err != nil || has {
		t.Errorf("an image of another digest is found: %v", err)
	}
}

func TestPodsOutliveTheDaemon(t *testing.T) {
	f := newFixture(t)
	daemon, stop := f.run(t)
	importPause(t, daemon)
	first := f.runPod(t, "first", "")
	f.runPod(t, "second", "test-handler")

	// Killed: started again, with the pods.
	killed, err := process.Lookup(daemon.Pid())
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(t.Context(), killed); err != nil {
		t.Fatal(err)
	}
	status, err := f.cri(t).PodSandboxStatus(t.Context(), &runtimeapi.PodSandboxStatusRequest{PodSandboxId: first}, grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	if state := status.Status.State; state != runtimeapi.PodSandboxState_SANDBOX_READY {
		t.Errorf("after kill of containerd the pod is %v", state)
	}

	// Left behind by a process of ours that was killed: replaced.
	if err := stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	env, served, err := awaitNotify(filepath.Join(f.cfg.State, "orphan.sock"))
	if err != nil {
		t.Fatal(err)
	}
	orphan := exec.Command(filepath.Join(f.cfg.BinDir, "containerd"), "--config", f.cfg.configFile())
	orphan.Env = append(append(os.Environ(), process.MarkEnv(f.cfg.Mark), "PATH="+f.cfg.BinDir+":"+os.Getenv("PATH")), env...)
	if err := errors.Join(orphan.Start(), served(t.Context())); err != nil {
		t.Fatal(err)
	}
	orphanEnded := make(chan error, 1)
	go func() { orphanEnded <- orphan.Wait() }()
	next, stopNext := f.run(t)
	<-orphanEnded
	if got := f.ready(t); got != 2 {
		t.Errorf("%d pods ready after replacement, want 2", got)
	}
	if err := next.EndPods(t.Context(), hurried()); err != nil {
		t.Fatal(err)
	}
	if got := f.ready(t); got != 0 {
		t.Errorf("%d pods ready after EndPods, want 0", got)
	}
	list, err := next.Images().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, image := range list {
		found = found || image.Name == images.PauseName && image.Size > 0
	}
	if !found {
		t.Errorf("image list %v lacks %s", list, images.PauseName)
	}
	if err := stopNext(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if left, err := process.Marked(f.cfg.Mark); err != nil || len(left) > 0 {
		t.Errorf("after EndPods and stop there are processes: %v, %v", left, err)
	}
}

func TestLedgerEndsPodsThatNobodyStopped(t *testing.T) {
	f := newFixture(t)
	daemon, stop := f.run(t)
	importPause(t, daemon)
	f.runPod(t, "orphan", "")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if left, err := process.Marked(f.cfg.Mark); err != nil || len(left) == 0 {
		t.Fatalf("the pod's shim should run on: %v, %v", left, err)
	}
	if err := f.ledger.Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), f.cfg.Mark) {
		t.Errorf("mounts are left:\n%s", mounts)
	}
	f.record(t)
	// And the data is still good: the next daemon starts and knows that the pod is gone.
	next, stop := f.run(t)
	if got := f.ready(t); got != 0 {
		t.Errorf("%d pods ready, want 0", got)
	}
	f.runPod(t, "again", "")
	if err := next.EndPods(t.Context(), hurried()); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestBrokenDaemonShowsItsLog(t *testing.T) {
	f := newFixture(t)
	daemon, err := New(f.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.cfg.configFile(), []byte("version = 99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = daemon.Run(t.Context())
	for _, want := range []string{"exit status 1", f.cfg.LogFile, "99"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if daemon.Healthy() == nil {
		t.Error("a broken daemon is called healthy")
	}
}

// TestCopyLoaded: what was loaded into all nodes comes to one that is added, as it is, and nothing else does.
func TestCopyLoaded(t *testing.T) {
	first, added := newFixture(t), newFixture(t)
	a, stopA := first.run(t)
	b, stopB := added.run(t)
	pause, coredns := images.SystemArchives(filepath.Join(a.cfg.BinDir, "images"))
	if _, err := a.Images().Import(t.Context(), pause, Pinned()); err != nil {
		t.Fatal(err)
	}
	names, err := a.Images().Import(t.Context(), coredns, Loaded())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is there
		if err := b.Images().CopyLoaded(t.Context(), a.Images()); err != nil {
			t.Fatal(err)
		}
	}
	list, err := b.Images().List(t.Context())
	// CRI adds names of its own that are digests.
	list = slices.DeleteFunc(list, func(i Image) bool { return strings.HasPrefix(i.Name, "sha256:") })
	if err != nil || len(list) != 1 || list[0].Name != names[0] {
		t.Fatalf("copied %v, %v; want %v", list, err, names)
	}
	if has, err := a.Images().Has(t.Context(), list[0].Name, list[0].Digest); err != nil || !has {
		t.Errorf("the copy is another image: %v", err)
	}
	// From there to the next.
	if err := a.Images().CopyLoaded(t.Context(), b.Images()); err != nil {
		t.Error(err)
	}
	if err := errors.Join(stopA(), stopB()); err != nil {
		t.Error(err)
	}
}

// hurried waits for no container.
func hurried() Ending {
	now := make(chan struct{})
	close(now)
	return Ending{Now: now, Note: func(string, time.Duration) {}}
}
