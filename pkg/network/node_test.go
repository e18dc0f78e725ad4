package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

// TestMain runs the tests again in a network and mount namespace of their own.
func TestMain(m *testing.M) {
	const inside = "PROA_TEST_INSIDE_NETNS"
	if os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	}
	fmt.Fprintln(os.Stderr, "run tests in a new network namespace (needs root):", err)
	os.Exit(1)
}

// book is a ledger that keeps what it is told and, for each, whether it was there
// already, which would be too late.
type book struct {
	mu      sync.Mutex
	entries []string
	fail    string
}

func (b *book) note(entry string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != "" && strings.HasPrefix(entry, b.fail) {
		b.fail = ""
		return errors.New("disk is full")
	}
	b.entries = append(b.entries, entry)
	return nil
}

func (b *book) Interface(name string) error { return b.note("interface " + name) }

func (b *book) NftTable(family, name string) error {
	there := exec.Command("nft", "list", "table", family, name).Run() == nil
	return b.note(fmt.Sprintf("table %s %s (there: %v)", family, name, there))
}

func (b *book) SetSysctl(name, value string) error {
	if err := b.note("sysctl " + name + "=" + value); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
}

func (b *book) File(path string) error {
	_, err := os.Stat(path)
	return b.note(fmt.Sprintf("file %s (there: %v)", filepath.Base(path), err == nil))
}

func (b *book) taken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.entries...)
}

// eventually waits until the node is healthy for the prefixes.
func eventually(t *testing.T, n *Node, wanted string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		n.mu.Lock()
		applied := fmt.Sprint(n.applied)
		n.mu.Unlock()
		if applied == wanted && n.Healthy() == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("node is set up for %s, want %s: %v", applied, wanted, n.Healthy())
		}
	}
}

func TestNode(t *testing.T) {
	client, ledger, dir := fake.NewClientset(), &book{fail: "file"}, filepath.Join(t.TempDir(), "net.d")
	factory := informers.NewSharedInformerFactory(client, 0)
	n, err := New(Config{
		Informers: factory, NodeName: "n", Ledger: ledger, ConfDir: dir, BridgeName: "proa0",
		ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10::/32")},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	factory.Start(ctx.Done())
	go func() { done <- n.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		factory.Shutdown()
	}()

	object := node("n", nil)
	if _, err := client.CoreV1().Nodes().Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := n.Healthy(); err == nil {
		t.Error("healthy without a pod prefix")
	}
	update := func(cidrs ...string) {
		t.Helper()
		object.Spec.PodCIDRs = cidrs
		if _, err := client.CoreV1().Nodes().Update(t.Context(), object, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	// The first try fails late, the second makes it.
	update("10.244.1.0/24", "fd00:10:1::/64")
	eventually(t, n, "[10.244.1.0/24 fd00:10:1::/64]")
	first := []string{
		"interface proa0",
		"sysctl net/ipv4/ip_forward=1", "sysctl net/bridge/bridge-nf-call-iptables=1",
		"table ip proa-network (there: false)", "table ip cni_hostport (there: false)",
		"sysctl net/ipv6/conf/all/forwarding=1", "sysctl net/bridge/bridge-nf-call-ip6tables=1",
		"table ip6 proa-network (there: false)", "table ip6 cni_hostport (there: false)",
	}
	entries := ledger.taken()
	if diff := cmp.Diff(first, entries[:len(first)]); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
	if last := entries[len(entries)-1]; last != "file 10-proa.conflist (there: false)" {
		t.Errorf("last entry of the ledger is %q", last)
	}
	expectFile(t, dir, `"subnet": "10.244.1.0/24"`)

	update("10.244.2.0/24")
	eventually(t, n, "[10.244.2.0/24]")
	expectFile(t, dir, `"subnet": "10.244.2.0/24"`)
}

func expectFile(t *testing.T, dir, part string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, conflistName))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), part) {
		t.Errorf("CNI configuration lacks %s:\n%s", part, text)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 {
		t.Errorf("files in %s: %v, want one", dir, files)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	for name, config := range map[string]Config{
		"nothing":      {},
		"no ledger":    {Informers: factory, NodeName: "n", ConfDir: "d", BridgeName: "b"},
		"no node name": {Informers: factory, Ledger: &book{}, ConfDir: "d", BridgeName: "b"},
		"no bridge":    {Informers: factory, Ledger: &book{}, ConfDir: "d", NodeName: "n"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(config); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestObserveIgnoresOthers(t *testing.T) {
	n := &Node{config: Config{NodeName: "n"}, wake: make(chan struct{}, 1)}
	for _, object := range []any{node("other", []string{"10.0.0.0/8"}), &corev1.Pod{}, node("n", []string{"junk"})} {
		n.observe(object)
	}
	if len(n.wake) != 0 || n.wanted != nil {
		t.Errorf("woken %d times for %v", len(n.wake), n.wanted)
	}
}
